// safetensors: what is written reads back; every kind of broken file is refused with its reason.
#include "worker/trainer/format/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

std::vector<std::byte> file_of(const std::string& header, std::size_t data) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

struct BrokenFile {
  const char* header;
  std::size_t data;
  const char* complaint;
};

TEST(Safetensors, BrokenFilesAreRefusedWithTheirReason) {
  const BrokenFile cases[] = {
      {R"([])", 0, "not a JSON object"},
      {R"({"a":)", 0, "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "truncated"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9, "behind the last"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "do not fit"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "bad data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})", 8, "bad data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "bad shape"},
      {R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "bad shape"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0,
       "overflows"},
      {R"({"a":{"dtype":"F7","shape":[2],"data_offsets":[0,8]}})", 8, "F7"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
           "b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, "overlaps"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
           "b":{"dtype":"U8","shape":[4],"data_offsets":[6,10]}})",
       10, "hole"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
           "a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       8, "appears twice"},
      {R"({"__metadata__":{"format":1}})", 0, "__metadata__"},
      {R"({"a":7})", 0, "not an object"},
      {R"({"a":{"shape":[4],"data_offsets":[0,4]}})", 4, "no dtype"},
  };
  for (const BrokenFile& broken : cases) {
    const auto parsed = parse_safetensors(file_of(broken.header, broken.data), "x.safetensors");
    ASSERT_FALSE(parsed) << broken.header;
    EXPECT_NE(parsed.error().message.find(broken.complaint), std::string::npos)
        << broken.header << "\n  " << parsed.error().text();
    EXPECT_EQ(parsed.error().where, "x.safetensors");
  }
}

TEST(Safetensors, HugeAndMissingHeadersAreRefused) {
  std::vector<std::byte> bytes(64, std::byte{0xff});
  EXPECT_FALSE(parse_safetensors(bytes, "x"));
  EXPECT_FALSE(parse_safetensors(std::span(bytes).first(3), "x"));
  const std::string deep = "{\"a\":" + std::string(100000, '[');
  EXPECT_FALSE(parse_safetensors(file_of(deep, 0), "x"));
  std::vector<std::byte> longer = file_of("{}", 0);
  longer[0] = std::byte{200};
  EXPECT_FALSE(parse_safetensors(longer, "x"));
}

TEST(Safetensors, NoBytesWhateverCrashTheReader) {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}})";
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> bytes = file_of(header, 8);
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = std::byte(random());
    bytes.resize(bytes.size() - random() % 4);
    refused += parse_safetensors(bytes, "x") ? 0 : 1;
  }
  EXPECT_GT(refused, 10000);
}

TEST(Safetensors, WrittenFilesReadBackSortedAndAligned) {
  const auto path = std::filesystem::path(testing::TempDir()) /
                    ("written-" + std::to_string(::getpid()) + ".safetensors");
  const std::vector<std::uint8_t> small{1, 2, 3};
  const std::vector<float> large{1.5F, -2.0F};
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  ASSERT_TRUE(write_safetensors(path, {{"b.small", TensorType::u8, {3}, bytes(small)},
                                       {"a.none", TensorType::f32, {0, 4}, {}},
                                       {"z.large", TensorType::f32, {2, 1}, bytes(large)}}));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().text();
  ASSERT_EQ(file->tensors().size(), 3U);
  const TensorView* view = file->find("z.large");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(std::memcmp(view->bytes.data(), large.data(), 8), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view->bytes.data()) % 8, 0U);
  EXPECT_EQ(file->find("absent"), nullptr);
  const auto text = read_file(path, 1 << 20);
  EXPECT_NE(text->find(R"("__metadata__":{"format":"pt"})"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(Safetensors, LargeModelsAreCutIntoShardsWithAnIndex) {
  const auto folder =
      std::filesystem::path(testing::TempDir()) / ("shards-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto source = [&](const char* name, std::int64_t first, std::int64_t count) {
    return TensorSource{name, TensorType::f32, {count}, [&values, first, count](const auto& sink) {
                          return sink(std::as_bytes(std::span(values))
                                          .subspan(static_cast<std::size_t>(first) * 4,
                                                   static_cast<std::size_t>(count) * 4));
                        }};
  };
  ASSERT_TRUE(
      write_model_files(folder, {source("c", 0, 1), source("a", 1, 2), source("b", 3, 3)}, 12));
  EXPECT_FALSE(std::filesystem::exists(folder / "model.safetensors"));
  for (const auto& [shard, names] :
       {std::pair("model-00001-of-00002.safetensors", std::vector<std::string>{"a", "c"}),
        {"model-00002-of-00002.safetensors", {"b"}}}) {
    const auto file = SafetensorsFile::open(folder / shard);
    ASSERT_TRUE(file) << file.error().text();
    std::vector<std::string> found;
    for (const TensorView& view : file->tensors()) found.push_back(view.name);
    EXPECT_EQ(found, names) << shard;
  }
  const auto files = open_model_files(folder);
  ASSERT_TRUE(files) << files.error().text();
  EXPECT_EQ(std::memcmp((*files)[1].find("b")->bytes.data(), values.data() + 3, 12), 0);
  // Small again: one file, and no index that would contradict it.
  ASSERT_TRUE(write_model_files(folder, {source("c", 0, 1)}));
  EXPECT_TRUE(std::filesystem::exists(folder / "model.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder / "model.safetensors.index.json"));
  std::filesystem::remove_all(folder);
}

TEST(Safetensors, FoldersThatCannotBeWrittenAreErrors) {
  const auto written =
      write_safetensors("/proc/no-such-folder/x.safetensors", std::vector<TensorView>{});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().text().find("no-such-folder"), std::string::npos);
}

}  // namespace
}  // namespace vlsweep
