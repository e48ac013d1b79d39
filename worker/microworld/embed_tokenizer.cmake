# cmake -DINPUT=tokenizer.model -DOUTPUT=tokenizer_model.cpp -P embed_tokenizer.cmake
# The bytes of the model as a source file, so that a program can write them out wherever it runs.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
file(WRITE ${OUTPUT} "#include \"worker/microworld/world.h\"

namespace vlsweep {
namespace {
constexpr char kBytes[] = {${bytes}};
}  // namespace

std::string_view tokenizer_model() { return {kBytes, sizeof(kBytes)}; }

}  // namespace vlsweep
")
