#!/usr/bin/env python3
"""Turn the CEL conformance suite (cel-spec tests/simple/testdata/*.textproto) into JSON lines.

  cel_convert.py --src DIR [--out cel-conformance.jsonl.gz] [--summary summary.json]

DIR is an unpacked cel-spec tree: a git checkout, or what `go mod download -json cel.dev/expr@v0.25.3`
prints as "Dir" (the Go module carries tests/ and proto/ whole).
Needs Python >= 3.9 and either (a) PyPI `protobuf` + `grpcio-tools`, or (b) Debian `protobuf-compiler` + `python3-protobuf`.

One line per test:
  id        "file/section/name" (a "#2" is added where the suite repeats a name)
  file, section, name, expr
  expect    {"value": V} | {"error": [messages]} | {"value": V, "type": T} | {"type": T} (check only)
  bindings  {name: V}            (absent when empty)
  type_env  {name: T, ...} and  functions [{name, overloads:[{id,args,result,member}]}]  (absent when empty)
  container, locale, disable_macros, disable_check, check_only   (absent when unset)
  needs     sorted feature names found in expression, bindings, declarations and expectation
  tier      core | core_nocheck | ext | later | proto   (see TIERS)

V, a value, is an object with one key (numbers are text, so that no reader loses bits):
  {"null":null} {"bool":true} {"int":"-1"} {"uint":"1"} {"double":"0x1.8p+1"|"nan"|"inf"|"-inf"} {"string":"x"}
  {"bytes":"<hex>"} {"list":[V..]} {"map":[[V,V]..]} {"type":"int"} {"timestamp":["sec","nanos"]}
  {"duration":["sec","nanos"]} {"enum":["type","n"]} {"message":"full.Name","json":{..}} {"error":[..]} {"unknown":[..]}
  strtod() of the C library reads every "double" text. Strings are escaped to ASCII; a NUL is \\u0000.
T, a type, is text: null bool int uint double string bytes timestamp duration any dyn error type(T) list(T) map(K, V)
  wrapper(T) optional_type(T) message names, or a type parameter's name.
Maps are to be compared without order; NaN equals NaN; an error matches any error (the messages are advice).
"""
import argparse, collections, glob, gzip, json, os, re, subprocess, sys, tempfile

# ---------------------------------------------------------------- protobuf
PROTOS = ['cel/expr/checked.proto', 'cel/expr/syntax.proto', 'cel/expr/value.proto', 'cel/expr/eval.proto',
          'cel/expr/conformance/test/simple.proto', 'cel/expr/conformance/proto2/test_all_types.proto',
          'cel/expr/conformance/proto2/test_all_types_extensions.proto', 'cel/expr/conformance/proto3/test_all_types.proto']
WELL_KNOWN = ['google/protobuf/%s.proto' % x for x in ('any', 'duration', 'empty', 'struct', 'timestamp', 'wrappers')]

def load_protos(src, tmp):
    """Generates and imports the message classes; returns (classes, function: textproto bytes -> message)."""
    try:
        import grpc_tools
        cmd = [sys.executable, '-m', 'grpc_tools.protoc', '-I' + os.path.join(os.path.dirname(grpc_tools.__file__), '_proto')]
    except ImportError:
        cmd = ['protoc']
    cmd.append('-I' + os.path.join(src, 'proto'))
    subprocess.run(cmd + ['--python_out=' + tmp] + PROTOS, check=True)
    sys.path.insert(0, tmp)
    import cel.expr.conformance.test.simple_pb2 as simple
    import cel.expr.conformance.proto2.test_all_types_pb2, cel.expr.conformance.proto3.test_all_types_pb2  # noqa: F401
    import cel.expr.conformance.proto2.test_all_types_extensions_pb2  # noqa: F401
    from google.protobuf import any_pb2, duration_pb2, empty_pb2, struct_pb2, timestamp_pb2, wrappers_pb2  # noqa: F401

    def parse(text):
        # By protoc and not by Python's text_format: the one in python3-protobuf 3.21 leaves \\u escapes as they stand.
        b = subprocess.run(cmd + ['--encode=cel.expr.conformance.test.SimpleTestFile'] + PROTOS + WELL_KNOWN,
                           input=text, stdout=subprocess.PIPE, check=True).stdout
        m = simple.SimpleTestFile()
        m.ParseFromString(b)
        return m
    return parse

# ---------------------------------------------------------------- values and types
def any_value(a, feats):
    from google.protobuf import json_format, symbol_database
    full = a.type_url.split('/')[-1]
    try:
        cls = symbol_database.Default().GetSymbol(full)
    except KeyError:
        from google.protobuf import message_factory, descriptor_pool
        cls = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(full))
    m = cls()
    m.ParseFromString(a.value)
    if full == 'google.protobuf.Timestamp':
        feats.add('timestamp')
        return {'timestamp': [str(m.seconds), str(m.nanos)]}
    if full == 'google.protobuf.Duration':
        feats.add('duration')
        return {'duration': [str(m.seconds), str(m.nanos)]}
    feats.add('proto')
    try:
        j = json.loads(json_format.MessageToJson(m, preserving_proto_field_name=True, sort_keys=True))
    except Exception:       # a message JSON cannot hold (an Any of an unknown type, a NaN in a Value)
        j = {'@text': str(m)}
    return {'message': full, 'json': j}

def dbl(x):
    if x != x:
        return 'nan'
    if x in (float('inf'), float('-inf')):
        return 'inf' if x > 0 else '-inf'
    return x.hex()

def value(v, feats):
    k = v.WhichOneof('kind')
    if k is None:
        return {'null': None}
    if k == 'null_value':
        feats.add('null'); return {'null': None}
    if k == 'bool_value':
        return {'bool': v.bool_value}
    if k == 'int64_value':
        feats.add('int'); return {'int': str(v.int64_value)}
    if k == 'uint64_value':
        feats.add('uint'); return {'uint': str(v.uint64_value)}
    if k == 'double_value':
        feats.add('double'); return {'double': dbl(v.double_value)}
    if k == 'string_value':
        feats.add('string'); return {'string': v.string_value}
    if k == 'bytes_value':
        feats.add('bytes'); return {'bytes': v.bytes_value.hex()}
    if k == 'list_value':
        feats.add('list'); return {'list': [value(x, feats) for x in v.list_value.values]}
    if k == 'map_value':
        feats.add('map')
        return {'map': [[value(e.key, feats), value(e.value, feats)] for e in v.map_value.entries]}
    if k == 'type_value':
        feats.add('type_value')
        t = v.type_value
        if not re.fullmatch(r'bool|int|uint|double|string|bytes|list|map|null_type|type|'
                            r'google\.protobuf\.(Timestamp|Duration)|optional_type|net\.(IP|CIDR)', t):
            feats.add('proto')
        return {'type': t}
    if k == 'enum_value':
        feats.add('enum'); return {'enum': [v.enum_value.type, str(v.enum_value.value)]}
    if k == 'object_value':
        return any_value(v.object_value, feats)
    raise ValueError(k)

PRIM = {1: 'bool', 2: 'int', 3: 'uint', 4: 'double', 5: 'string', 6: 'bytes'}
WELL = {1: 'any', 2: 'timestamp', 3: 'duration'}

def ctype(t, feats):
    k = t.WhichOneof('type_kind')
    if k == 'primitive':
        return PRIM[t.primitive]
    if k == 'well_known':
        if t.well_known == 1:
            feats.add('proto')
        return WELL[t.well_known]
    if k == 'wrapper':
        feats.add('wrapper'); return 'wrapper(%s)' % PRIM[t.wrapper]
    if k == 'list_type':
        return 'list(%s)' % ctype(t.list_type.elem_type, feats)
    if k == 'map_type':
        return 'map(%s, %s)' % (ctype(t.map_type.key_type, feats), ctype(t.map_type.value_type, feats))
    if k == 'message_type':
        n = t.message_type
        if n == 'google.protobuf.Timestamp': return 'timestamp'
        if n == 'google.protobuf.Duration': return 'duration'
        feats.add('proto'); return n
    if k == 'type_param':
        return t.type_param
    if k == 'type':
        return 'type(%s)' % ctype(t.type, feats) if t.type.WhichOneof('type_kind') else 'type'
    if k == 'abstract_type':
        if t.abstract_type.name == 'optional_type':
            feats.add('optional')
        p = ', '.join(ctype(x, feats) for x in t.abstract_type.parameter_types)
        return t.abstract_type.name + ('(%s)' % p if p else '')
    if k in ('null', 'dyn', 'error'):
        return k
    if k is None:
        return 'dyn'
    raise ValueError(k)

# ---------------------------------------------------------------- which features an expression uses
TOK = re.compile(r'''
  (?P<ws>\s+|//[^\n]*)
 |(?P<str>(?P<pre>[rR][bB]|[bB][rR]|[rRbB])?(?P<q>"""|\'\'\'|"|\'))
 |(?P<num>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?)
 |(?P<id>[A-Za-z_][A-Za-z0-9_]*)
 |(?P<bt>`[^`]*`)
 |(?P<op>==|!=|<=|>=|&&|\|\||\?\.|[-+*/%!<>?:.,()\[\]{}])
''', re.X)

def lex(s):
    i, out = 0, []
    while i < len(s):
        m = TOK.match(s, i)
        if not m:
            out.append(('bad', s[i])); i += 1; continue
        k = m.lastgroup if m.lastgroup not in ('pre', 'q') else 'str'
        i = m.end()
        if m.group('str'):
            pre, q, j = (m.group('pre') or '').lower(), m.group('q'), i
            while j < len(s) and not s.startswith(q, j):
                j += 2 if (s[j] == '\\' and 'r' not in pre) else 1
            out.append(('bytes' if 'b' in pre else 'str', s[i:j], pre, q)); i = j + len(q); continue
        if k != 'ws':
            out.append((k, m.group()))
    return out

MACROS = {'all', 'exists', 'exists_one', 'existsOne', 'map', 'filter'}
STR_STD = {'contains', 'startsWith', 'endsWith', 'matches'}
STR_EXT = {'charAt', 'indexOf', 'lastIndexOf', 'lowerAscii', 'upperAscii', 'replace', 'split', 'substring', 'trim',
           'join', 'reverse', 'quote', 'format'}
TS_GET = {'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours',
          'getMinutes', 'getSeconds', 'getMilliseconds'}
CONV = {'int', 'uint', 'double', 'string', 'bytes', 'bool', 'dyn', 'type', 'timestamp', 'duration'}
TYPES = {'int', 'uint', 'double', 'string', 'bytes', 'bool', 'list', 'map', 'null_type', 'type'}
LIST_EXT = {'slice', 'flatten', 'distinct', 'sort', 'sortBy', 'reverse', 'first', 'last'}
NET = {'ip', 'cidr', 'isIP', 'isCIDR', 'family', 'isUnspecified', 'isLoopback', 'isGlobalUnicast',
       'isLinkLocalMulticast', 'isLinkLocalUnicast', 'containsIP', 'containsCIDR', 'masked', 'prefixLength',
       'isCanonical'}
OPT = {'optMap', 'optFlatMap', 'orValue', 'hasValue', 'unwrap', 'unwrapOpt'}
NS = {'math': 'ext_math', 'strings': 'ext_strings', 'base64': 'ext_encoders', 'optional': 'optional',
      'proto': 'ext_proto', 'cel': 'ext_bindings', 'sets': 'ext_sets', 'lists': 'ext_lists', 'ip': 'ext_network', 'net': 'ext_network'}
PROTO_ID = re.compile(r'TestAllTypes|NestedTestAllTypes|GlobalEnum|NestedEnum|TestRequired')
BINOP = {'==': 'op_eq', '!=': 'op_eq', '<': 'op_order', '<=': 'op_order', '>': 'op_order', '>=': 'op_order',
         '&&': 'op_logic', '||': 'op_logic', '!': 'op_logic', '+': 'op_arith', '-': 'op_arith', '*': 'op_arith',
         '/': 'op_arith', '%': 'op_arith'}

def expr_features(expr, fn, declared):
    f, t = set(), lex(expr)
    n = len(t)
    depth = maxdepth = 0
    for i, tk in enumerate(t):
        k, s = tk[0], tk[1]
        prev = t[i - 1] if i else ('', '')
        nxt = t[i + 1] if i + 1 < n else ('', '')
        if k == 'bad':
            f.add('syntax_odd')
        elif k == 'str':
            f.add('string')
            if 'r' in tk[2]: f.add('string_raw')
            if len(tk[3]) == 3: f.add('string_triple')
            if '\\' in s and 'r' not in tk[2]: f.add('string_escape')
        elif k == 'bytes':
            f.add('bytes')
        elif k == 'num':
            f.add('uint' if s[-1] in 'uU' else
                  'double' if not s.lower().startswith('0x') and re.search(r'[.eE]', s) else 'int')
        elif k == 'bt':
            f.add('quoted_field')
        elif k == 'op':
            if s in '([{': depth += 1; maxdepth = max(maxdepth, depth)
            if s in ')]}': depth -= 1
            unary = s in '-!' and (prev[0] in ('', 'op') and prev[1] not in (')', ']', '}'))
            if s in BINOP: f.add('op_neg' if unary and s == '-' else BINOP[s])
            if s == '?.': f.add('optional')
            if s == '?':
                if prev[1] in ('[', '{', ','): f.add('optional')     # [?x], {?k: v}; a ternary has an operand before it
                else: f.add('ternary')
            if s == '[':
                f.add('index' if prev[0] in ('id', 'str', 'bytes', 'bt') and prev[1] != 'in' or prev[1] in (')', ']', '}')
                      else 'list')
            if s == '{' and prev[0] != 'id': f.add('map')
            if s == '.' and (prev[0] not in ('id', 'str', 'bytes', 'bt', 'num') and prev[1] not in (')', ']', '}')):
                f.add('container')          # a leading dot: the root namespace
        elif k == 'id':
            chain = [s]; j = i
            while j >= 2 and t[j - 1] == ('op', '.') and t[j - 2][0] == 'id':
                chain.insert(0, t[j - 2][1]); j -= 2
            head = t[j - 1] if j else ('', '')
            member = i > 0 and prev == ('op', '.')
            rooted = head != ('op', '.')        # chain starts the operand: may be a namespace
            if s in ('true', 'false', 'null'):
                f.add('null' if s == 'null' else 'bool')
            elif s == 'in':
                f.add('in')
            if nxt[1] == '{' and s != 'in':
                f.add('proto')
            if PROTO_ID.search(s) or (rooted and chain[:2] == ['google', 'protobuf'] and len(chain) > 2
                                      and chain[2] not in ('Timestamp', 'Duration')):
                f.add('proto')
            if rooted and len(chain) == 3 and chain[:2] == ['google', 'protobuf'] and chain[2] in ('Timestamp', 'Duration'):
                f.add('type_value')
            if nxt[1] == '(':
                ns = NS.get(chain[0]) if rooted and len(chain) > 1 and chain[0] not in declared else None
                if ns == 'ext_bindings' and s != 'bind': ns = 'ext_block'
                if ns: f.add(ns); continue
                if s == 'has' and not member: f.add('has')
                elif member and s in MACROS:
                    two = i + 5 < n and t[i + 2][0] == 'id' and t[i + 3][1] == ',' and t[i + 4][0] == 'id' and t[i + 5][1] == ','
                    f.add('macro_two_var' if (two and s != 'map') or s == 'existsOne' else 'macro_' + s)
                elif member and s in ('transformList', 'transformMap', 'transformMapEntry'): f.add('macro_two_var')
                elif s == 'size': f.add('size')
                elif s == 'matches': f.add('regex')
                elif member and s in STR_STD: f.add('string_fn')
                elif member and s in TS_GET:
                    f.add('timestamp_get')
                    if i + 2 < n and t[i + 2][1] != ')':
                        named = t[i + 2][0] == 'str' and re.search('[A-Za-z]', t[i + 2][1]) and t[i + 2][1] != 'UTC'
                        f.add('timezone_name' if named else 'timezone')
                elif member and s in LIST_EXT and (fn == 'lists_ext' or s != 'reverse'): f.add('ext_lists')
                elif member and s in STR_EXT: f.add('ext_strings_format' if s == 'format' else 'ext_strings')
                elif s in NET: f.add('ext_network')
                elif s in OPT or (member and s in ('or', 'value')): f.add('optional')
                elif s in CONV and not member:
                    f.add({'dyn': 'dyn', 'type': 'type_fn', 'timestamp': 'timestamp', 'duration': 'duration'}.get(s, 'conversion'))
                elif s in declared: f.add('declared_function')
                else: f.add('unknown_function')
            elif member: f.add('select')
            elif s in TYPES and s not in declared and nxt[1] != '.':
                f.add('type_value')
    if maxdepth > 12: f.add('deep_nesting')
    if len(expr) > 2000: f.add('long_expression')
    return f

# ---------------------------------------------------------------- tiers
# core          what the engine must pass: no protobuf, no namespaces; every test also compiles with checking on
# core_nocheck  the same, but the suite turns the type checker off: an engine that always checks may count a refusal at
#               load as the expected error, and cannot run the 11 that expect a value
# ext           extension libraries: lists, strings, math, encoders, bindings (cel.bind)
# later         optionals, two-variable macros, cel.block, net, namespaces, quoted fields, time zones by name (their
#               result hangs on the tz database of the host, so not deterministic), unknown functions, check-only types
# proto         protobuf messages, enums, wrappers, extensions: out of scope
CORE = {'null', 'bool', 'int', 'uint', 'double', 'string', 'string_raw', 'string_triple', 'string_escape', 'bytes', 'list',
        'map', 'op_eq', 'op_order', 'op_logic', 'op_arith', 'op_neg', 'ternary', 'index', 'select', 'in', 'has', 'size',
        'macro_all', 'macro_exists', 'macro_exists_one', 'macro_map', 'macro_filter', 'string_fn', 'regex', 'conversion',
        'dyn', 'type_fn', 'type_value', 'timestamp', 'duration', 'timestamp_get', 'timezone', 'deep_nesting',
        'long_expression', 'syntax_odd', 'unbound'}
EXT = {'ext_lists', 'ext_strings', 'ext_strings_format', 'ext_math', 'ext_sets', 'ext_bindings', 'ext_encoders'}
LATER = {'timezone_name', 'optional', 'macro_two_var', 'ext_block', 'ext_network', 'container', 'declared_function', 'unknown_function',
         'quoted_field', 'disable_macros', 'check_only', 'locale', 'unknown'}
PROTO = {'proto', 'enum', 'wrapper', 'ext_proto'}
TIERS = ['core', 'core_nocheck', 'ext', 'later', 'proto']

def tier(needs):
    if needs & PROTO: return 'proto'
    if needs & LATER: return 'later'
    if needs & EXT: return 'ext'
    left = needs - CORE - {'disable_check', 'deduced_type'}
    if left: return 'later'
    return 'core_nocheck' if 'disable_check' in needs else 'core'

# ---------------------------------------------------------------- main
def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--src', required=True)
    ap.add_argument('--out', default='cel-conformance.jsonl.gz')
    ap.add_argument('--summary')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        parse = load_protos(a.src, tmp)
        rows, seen = [], collections.Counter()
        for path in sorted(glob.glob(os.path.join(a.src, 'tests/simple/testdata/*.textproto'))):
            fn = os.path.basename(path)[:-len('.textproto')]
            with open(path, 'rb') as fh:
                doc = parse(fh.read())
            for sec in doc.section:
                for t in sec.test:
                    rows.append(one(fn, sec.name, t, seen))
    op = gzip.GzipFile(a.out, 'wb', 9, mtime=0) if a.out.endswith('.gz') else open(a.out, 'wb')
    with op as o:
        for r in rows:
            o.write((json.dumps(r, ensure_ascii=True, separators=(',', ':')) + '\n').encode())
    tab = collections.OrderedDict()
    for r in rows:
        d = tab.setdefault(r['file'], dict.fromkeys(['tests'] + TIERS, 0))
        d['tests'] += 1; d[r['tier']] += 1
    tot = {k: sum(d[k] for d in tab.values()) for k in ['tests'] + TIERS}
    feats = collections.Counter(x for r in rows for x in r['needs'])
    print('%-16s' % 'file' + ''.join('%13s' % k for k in ['tests'] + TIERS))
    for fn, d in list(tab.items()) + [('TOTAL', tot)]:
        print('%-16s' % fn + ''.join('%13d' % d[k] for k in ['tests'] + TIERS))
    if a.summary:
        with open(a.summary, 'w') as o:
            json.dump({'files': tab, 'total': tot, 'needs': dict(feats.most_common())}, o, indent=1)

def one(fn, section, t, seen):
    feats = set()
    key = '%s/%s/%s' % (fn, section, t.name)
    seen[key] += 1
    r = collections.OrderedDict(id=key if seen[key] == 1 else '%s#%d' % (key, seen[key]),
                                file=fn, section=section, name=t.name, expr=t.expr)
    k = t.WhichOneof('result_matcher')
    if k is None:
        ex = {'value': {'bool': True}}
    elif k == 'value':
        ex = {'value': value(t.value, feats)}
    elif k == 'typed_result':
        ex = {}
        if t.typed_result.HasField('result') and not t.check_only:
            ex['value'] = value(t.typed_result.result, feats)
        ex['type'] = ctype(t.typed_result.deduced_type, feats)
        feats.add('deduced_type')
    elif k == 'eval_error':
        ex = {'error': [e.message for e in t.eval_error.errors]}
    elif k == 'any_eval_errors':
        ex = {'error': [e.message for s in t.any_eval_errors.errors for e in s.errors]}
    else:
        ex = {'unknown': []}; feats.add('unknown')
    r['expect'] = ex
    b = {}
    for name in sorted(t.bindings):
        v = t.bindings[name]
        kk = v.WhichOneof('kind')
        if kk == 'value': b[name] = value(v.value, feats)
        elif kk == 'error': b[name] = {'error': [e.message for e in v.error.errors]}; feats.add('unknown')
        else: b[name] = {'unknown': []}; feats.add('unknown')
    if b: r['bindings'] = b
    env, fns = {}, []
    for d in t.type_env:
        if d.WhichOneof('decl_kind') == 'ident':
            env[d.name] = ctype(d.ident.type, feats)
        else:
            fns.append({'name': d.name, 'overloads': [
                {'id': o.overload_id, 'args': [ctype(p, feats) for p in o.params], 'result': ctype(o.result_type, feats),
                 'member': o.is_instance_function} for o in d.function.overloads]})
    if env: r['type_env'] = env
    if fns: r['functions'] = fns
    declared = set(env) | {f['name'] for f in fns} | {f['name'].split('.')[-1] for f in fns}
    feats |= expr_features(t.expr, fn, declared)
    if fns: feats.add('declared_function')
    if any('.' in n for n in list(env) + list(b)): feats.add('container')
    if t.container:
        r['container'] = t.container
        feats.add('proto' if t.container.startswith('cel.expr.conformance') else 'container')
    for k in ('disable_macros', 'disable_check', 'check_only'):
        if getattr(t, k): r[k] = True; feats.add(k)
    if t.locale: r['locale'] = t.locale; feats.add('locale')
    if fn == 'optionals': feats.add('optional')
    if fn == 'network_ext': feats.add('ext_network')
    r['needs'] = sorted(feats)
    r['tier'] = tier(feats)
    return r

if __name__ == '__main__':
    main()
