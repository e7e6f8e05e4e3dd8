// Answers CEL expressions with cel-go: one test a line on stdin, as cel_generate.py writes them; the same line with `expect` filled in
// on stdout, for cel_runner.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
)

type test struct {
	ID       string                     `json:"id"`
	Expr     string                     `json:"expr"`
	TypeEnv  map[string]string          `json:"type_env,omitempty"`
	Bindings map[string]json.RawMessage `json:"bindings,omitempty"`
	Expect   map[string]interface{}     `json:"expect"`
}

var simple = map[string]*cel.Type{
	"bool": cel.BoolType, "int": cel.IntType, "uint": cel.UintType, "double": cel.DoubleType, "string": cel.StringType,
	"bytes": cel.BytesType, "timestamp": cel.TimestampType, "duration": cel.DurationType, "dyn": cel.DynType, "null": cel.NullType,
}

func typeOf(text string) *cel.Type {
	if t, ok := simple[text]; ok {
		return t
	}
	inner := text[strings.Index(text, "(")+1 : len(text)-1]
	if strings.HasPrefix(text, "list(") {
		return cel.ListType(typeOf(inner))
	}
	parts := strings.SplitN(inner, ", ", 2)
	return cel.MapType(typeOf(parts[0]), typeOf(parts[1]))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func native(raw json.RawMessage) interface{} {
	var held map[string]json.RawMessage
	must(json.Unmarshal(raw, &held))
	for kind, value := range held {
		var text string
		_ = json.Unmarshal(value, &text)
		switch kind {
		case "null":
			return nil
		case "bool":
			return string(value) == "true"
		case "int":
			n, err := strconv.ParseInt(text, 10, 64)
			must(err)
			return n
		case "uint":
			n, err := strconv.ParseUint(text, 10, 64)
			must(err)
			return n
		case "double":
			n, err := strconv.ParseFloat(text, 64)
			must(err)
			return n
		case "string":
			return text
		case "bytes":
			b, err := hex.DecodeString(text)
			must(err)
			return b
		case "timestamp", "duration":
			var pair [2]string
			must(json.Unmarshal(value, &pair))
			seconds, err := strconv.ParseInt(pair[0], 10, 64)
			must(err)
			nanos, err := strconv.ParseInt(pair[1], 10, 64)
			must(err)
			if kind == "timestamp" {
				return time.Unix(seconds, nanos).UTC()
			}
			return time.Duration(seconds)*time.Second + time.Duration(nanos)
		case "list":
			var items []json.RawMessage
			must(json.Unmarshal(value, &items))
			list := make([]interface{}, len(items))
			for i, item := range items {
				list[i] = native(item)
			}
			return list
		case "map":
			var pairs [][2]json.RawMessage
			must(json.Unmarshal(value, &pairs))
			m := map[interface{}]interface{}{}
			for _, pair := range pairs {
				m[native(pair[0])] = native(pair[1])
			}
			return m
		}
	}
	return nil
}

func shown(value ref.Val) interface{} {
	one := func(kind string, held interface{}) map[string]interface{} { return map[string]interface{}{kind: held} }
	switch v := value.(type) {
	case types.Null:
		return one("null", nil)
	case types.Bool:
		return one("bool", bool(v))
	case types.Int:
		return one("int", strconv.FormatInt(int64(v), 10))
	case types.Uint:
		return one("uint", strconv.FormatUint(uint64(v), 10))
	case types.Double:
		f := float64(v)
		switch {
		case math.IsNaN(f):
			return one("double", "nan")
		case math.IsInf(f, 0):
			return one("double", map[bool]string{true: "inf", false: "-inf"}[f > 0])
		}
		return one("double", strconv.FormatFloat(f, 'x', -1, 64))
	case types.String:
		return one("string", string(v))
	case types.Bytes:
		return one("bytes", hex.EncodeToString(v))
	case types.Timestamp:
		return one("timestamp", []string{strconv.FormatInt(v.Unix(), 10), strconv.Itoa(v.Nanosecond())})
	case types.Duration:
		n := int64(v.Duration)
		return one("duration", []string{strconv.FormatInt(n/1e9, 10), strconv.FormatInt(n%1e9, 10)})
	case *types.Type:
		return one("type", v.TypeName())
	case traits.Lister:
		items := []interface{}{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			items = append(items, shown(it.Next()))
		}
		return one("list", items)
	case traits.Mapper:
		pairs := []interface{}{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			pairs = append(pairs, []interface{}{shown(key), shown(v.Get(key))})
		}
		return one("map", pairs)
	}
	return one("unknown", fmt.Sprint(value))
}

func answer(t *test) map[string]interface{} {
	options := []cel.EnvOption{ext.Strings(), ext.Sets(), ext.Math(), ext.Lists(), ext.Bindings()}
	values := map[string]interface{}{}
	for name, text := range t.TypeEnv {
		options = append(options, cel.Variable(name, typeOf(text)))
	}
	for name, raw := range t.Bindings {
		values[name] = native(raw)
	}
	env, err := cel.NewEnv(options...)
	must(err)
	ast, issues := env.Compile(t.Expr)
	if issues.Err() != nil {
		return map[string]interface{}{"refused": strings.SplitN(issues.Err().Error(), "\n", 2)[0]}
	}
	program, err := env.Program(ast)
	if err != nil {
		return map[string]interface{}{"error": []string{err.Error()}}
	}
	value, _, err := program.Eval(values)
	if err != nil {
		return map[string]interface{}{"error": []string{err.Error()}}
	}
	return map[string]interface{}{"value": shown(value)}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		var t test
		must(json.Unmarshal(lines.Bytes(), &t))
		t.Expect = answer(&t)
		must(encoder.Encode(&t))
	}
	must(lines.Err())
}
