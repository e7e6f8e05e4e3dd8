# Writes a file as a C array, so that the program needs no files beside it.
#   cmake -DNAME=<identifier> -DIN=<file> -DOUT=<file.c> -P embed.cmake
file(READ "${IN}" bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE "${OUT}" "#include \"ops/cli/demo.h\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}0};\n"
    "const size_t ${NAME}_len = sizeof(${NAME}) - 1;\n")
