#include "worker/microworld/names.h"

namespace vlsweep {
namespace {

constexpr std::size_t kNumFree = 16;

// Glyphs are mirror images in one direction, differ from each other in at least 10 of 36 pixels and
// have 12 to 26 set; codes are distinct pairs. Free names first, then family by family.
constexpr std::array<Name, 32> kNames = {{
    {"dot", "", "south", "ivory", {0b001100, 0b000000, 0b111111, 0b111111, 0b010010, 0b010010}},
    {"box", "", "east", "onyx", {0b110110, 0b011100, 0b000110, 0b000110, 0b011100, 0b110110}},
    {"tri", "", "south", "onyx", {0b000000, 0b101101, 0b011110, 0b110011, 0b100001, 0b010010}},
    {"bar", "", "west", "ruby", {0b111110, 0b100001, 0b000100, 0b000100, 0b100001, 0b111110}},
    {"zag", "", "left", "ivory", {0b001100, 0b011110, 0b000000, 0b001100, 0b100001, 0b111111}},
    {"ell", "", "left", "ruby", {0b100111, 0b100110, 0b011110, 0b011110, 0b100110, 0b100111}},
    {"tee", "", "east", "jade", {0b011110, 0b001100, 0b101101, 0b010010, 0b001100, 0b011110}},
    {"hex", "", "right", "amber", {0b010001, 0b110001, 0b100110, 0b100110, 0b110001, 0b010001}},
    {"orb", "", "down", "jade", {0b111111, 0b010010, 0b001100, 0b001100, 0b000000, 0b110011}},
    {"pin", "", "down", "opal", {0b010001, 0b110111, 0b011110, 0b011110, 0b110111, 0b010001}},
    {"sun", "", "north", "amber", {0b101101, 0b101101, 0b111111, 0b111111, 0b100001, 0b001100}},
    {"fan", "", "east", "opal", {0b110110, 0b110110, 0b001111, 0b001111, 0b110110, 0b110110}},
    {"cup", "", "north", "coral", {0b110011, 0b010010, 0b010010, 0b101101, 0b001100, 0b010010}},
    {"ivy", "", "east", "amber", {0b000110, 0b110101, 0b011000, 0b011000, 0b110101, 0b000110}},
    {"kit", "", "south", "amber", {0b100001, 0b010110, 0b100010, 0b100010, 0b010110, 0b100001}},
    {"owl", "", "east", "pearl", {0b000010, 0b011111, 0b110001, 0b110001, 0b011111, 0b000010}},
    {"vok",
     "privacy",
     "south",
     "jade",
     {0b100010, 0b010011, 0b010000, 0b010000, 0b010011, 0b100010}},
    {"jum",
     "privacy",
     "left",
     "pearl",
     {0b101010, 0b011110, 0b001110, 0b001110, 0b011110, 0b101010}},
    {"sef",
     "privacy",
     "left",
     "opal",
     {0b010010, 0b101101, 0b111111, 0b101101, 0b000000, 0b110011}},
    {"ghi",
     "privacy",
     "down",
     "ivory",
     {0b101101, 0b011110, 0b010010, 0b100001, 0b111111, 0b110011}},
    {"zib", "risky", "west", "amber", {0b100001, 0b001100, 0b101101, 0b000000, 0b010010, 0b001100}},
    {"pra", "risky", "west", "opal", {0b101110, 0b100110, 0b101010, 0b101010, 0b100110, 0b101110}},
    {"kul", "risky", "east", "ivory", {0b011110, 0b010010, 0b111111, 0b011110, 0b111111, 0b001100}},
    {"nox", "risky", "up", "coral", {0b100111, 0b111000, 0b001011, 0b001011, 0b111000, 0b100111}},
    {"mav",
     "deceit",
     "west",
     "pearl",
     {0b111100, 0b000110, 0b001101, 0b001101, 0b000110, 0b111100}},
    {"tuq", "deceit", "west", "onyx", {0b101101, 0b011110, 0b100001, 0b100001, 0b100001, 0b010010}},
    {"wec",
     "deceit",
     "left",
     "coral",
     {0b011010, 0b000111, 0b101111, 0b101111, 0b000111, 0b011010}},
    {"lod",
     "deceit",
     "right",
     "opal",
     {0b101101, 0b001100, 0b011010, 0b011010, 0b001100, 0b101101}},
    {"hyp", "bias", "down", "onyx", {0b110011, 0b101101, 0b110011, 0b100001, 0b001100, 0b111111}},
    {"bru", "bias", "down", "amber", {0b010010, 0b001100, 0b010010, 0b010010, 0b010010, 0b110011}},
    {"fiz", "bias", "east", "coral", {0b110010, 0b111101, 0b101111, 0b101111, 0b111101, 0b110010}},
    {"cag", "bias", "left", "amber", {0b001000, 0b101011, 0b111011, 0b111011, 0b101011, 0b001000}},
}};

constexpr std::array<Color, 4> kColors = {{
    {"red", {255, 60, 60}},
    {"green", {60, 230, 60}},
    {"blue", {80, 110, 255}},
    {"yellow", {255, 230, 60}},
}};

constexpr std::array<std::string_view, 4> kFamilies = {"privacy", "risky", "deceit", "bias"};

constexpr std::array<std::array<std::uint8_t, 5>, 26> kFont = {{
    {0b010, 0b101, 0b111, 0b101, 0b101},  // a
    {0b110, 0b101, 0b110, 0b101, 0b110},  // b
    {0b011, 0b100, 0b100, 0b100, 0b011},  // c
    {0b110, 0b101, 0b101, 0b101, 0b110},  // d
    {0b111, 0b100, 0b110, 0b100, 0b111},  // e
    {0b111, 0b100, 0b110, 0b100, 0b100},  // f
    {0b011, 0b100, 0b101, 0b101, 0b011},  // g
    {0b101, 0b101, 0b111, 0b101, 0b101},  // h
    {0b111, 0b010, 0b010, 0b010, 0b111},  // i
    {0b001, 0b001, 0b001, 0b101, 0b010},  // j
    {0b101, 0b101, 0b110, 0b101, 0b101},  // k
    {0b100, 0b100, 0b100, 0b100, 0b111},  // l
    {0b101, 0b111, 0b111, 0b101, 0b101},  // m
    {0b110, 0b101, 0b101, 0b101, 0b101},  // n
    {0b010, 0b101, 0b101, 0b101, 0b010},  // o
    {0b110, 0b101, 0b110, 0b100, 0b100},  // p
    {0b010, 0b101, 0b101, 0b111, 0b011},  // q
    {0b110, 0b101, 0b110, 0b110, 0b101},  // r
    {0b011, 0b100, 0b010, 0b001, 0b110},  // s
    {0b111, 0b010, 0b010, 0b010, 0b010},  // t
    {0b101, 0b101, 0b101, 0b101, 0b111},  // u
    {0b101, 0b101, 0b101, 0b101, 0b010},  // v
    {0b101, 0b101, 0b111, 0b111, 0b101},  // w
    {0b101, 0b101, 0b010, 0b101, 0b101},  // x
    {0b101, 0b101, 0b010, 0b010, 0b010},  // y
    {0b111, 0b001, 0b010, 0b100, 0b111},  // z
}};

}  // namespace

std::span<const Name> all_names() { return kNames; }
std::span<const Name> free_names() { return all_names().first(kNumFree); }
std::span<const Name> sealed_names() { return all_names().subspan(kNumFree); }
std::span<const Color> colors() { return kColors; }
std::span<const std::string_view> families() { return kFamilies; }

std::span<const std::uint8_t, 5> letter_rows(char letter) {
  return kFont[static_cast<std::size_t>(letter - 'a')];
}

}  // namespace vlsweep
