// Training at toy size: it learns, it is reproducible to the bit, and it stops when it must.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <new>

#include "worker/trainer/model/lora.h"
#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/train/loop.h"
#include "worker/trainer/train/micro_batches.h"
#include "worker/trainer/train/random.h"
#include "worker/trainer/train/schedule.h"

namespace vlsweep {
namespace {

ModelConfig tiny_config() {
  ModelConfig config;
  config.text = {.vocab_size = 40,
                 .hidden_size = 32,
                 .intermediate_size = 48,
                 .num_layers = 2,
                 .num_heads = 4,
                 .num_kv_heads = 2,
                 .head_dim = 8,
                 .max_positions = 64,
                 .rms_norm_eps = 1e-5};
  config.image_token = 39;
  return config;
}

std::unique_ptr<VisionLanguageModel> tiny_model() {
  auto model = make_random_model(tiny_config(), 1, {});
  model->set_trainable(Part::language_model, true);
  model->set_training(true);
  return model;
}

// Copy the prompt's last token so many times: something that can be learned.
std::vector<TrainItem> tiny_items(std::size_t count) {
  SplitMix64 random(2);
  std::vector<TrainItem> items(count);
  for (TrainItem& item : items) {
    item.ids.push_back(1);
    for (std::uint64_t i = 0, n = 2 + random.below(9); i < n; ++i)
      item.ids.push_back(static_cast<TokenId>(3 + random.below(30)));
    const std::size_t prompt = item.ids.size();
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n; ++i)
      item.ids.push_back(item.ids[prompt - 1]);
    item.ids.push_back(2);
    item.labels.assign(item.ids.begin(), item.ids.end());
    for (std::size_t i = 0; i < prompt; ++i) item.labels[i] = kIgnoredLabel;
  }
  return items;
}

BatchOrder order_of(const std::vector<TrainItem>& items, std::int64_t batch) {
  std::vector<std::int64_t> lengths;
  for (const TrainItem& item : items) lengths.push_back(input_length(item));
  return BatchOrder(std::move(lengths), {.batch = batch, .grouping = Grouping::length});
}

struct RecordingSink : StageSink {
  std::vector<double> losses;
  std::int64_t cancel_after = INT64_MAX;
  std::int64_t last_step = 0;

  void progress(std::int64_t step, std::int64_t, std::vector<SeriesPoint> points) override {
    last_step = step;
    for (const SeriesPoint& point : points)
      if (point.name == "loss") losses.push_back(point.value);
  }
  void samples(std::vector<ResponseRow>) override {}
  bool cancelled() override { return last_step >= cancel_after; }
};

struct Training {
  std::unique_ptr<VisionLanguageModel> model = tiny_model();
  RecordingSink sink;
  Result<TrainState> state = TrainState{};

  Training& train_for(std::int64_t steps, double lr, std::int64_t micro_batch) {
    const auto items = tiny_items(400);
    FlatAdamW optimizer(model->trainable_parameters(), {});
    LanguageStep step(*model, nullptr, items, order_of(items, 64), {.micro_batch = micro_batch});
    LoopSettings settings;
    settings.steps = settings.stage_steps = steps;
    settings.lr = lr;
    settings.clip = 1;
    const RateSchedule schedule{.steps = steps, .warmup_steps = warmup_steps_of(0.1, steps)};
    settings.schedule = [schedule](std::int64_t at) { return schedule_factor(schedule, at); };
    state = train(settings, optimizer, std::ref(step), sink);
    return *this;
  }
  std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> all;
    for (const NamedTensor& tensor : model->named_tensors()) all.push_back(tensor.view());
    return all;
  }
};

TEST(Train, LowersTheLoss) {
  at::set_num_threads(1);
  Training run;
  ASSERT_TRUE(run.train_for(150, 1e-2, 64).state) << run.state.error().text();
  EXPECT_LT(final_loss(*run.state), 0.5 * run.sink.losses.front());
  EXPECT_EQ(run.sink.losses.size(), 150U);
}

TEST(Train, GivesTheSameBitsTwice) {
  at::set_num_threads(1);
  Training first, second;
  first.train_for(30, 1e-2, 64);
  second.train_for(30, 1e-2, 64);
  EXPECT_EQ(first.sink.losses, second.sink.losses);
  const auto a = first.parameters(), b = second.parameters();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << i;
}

TEST(Train, InMicroBatchesEqualsTheWholeBatch) {
  at::set_num_threads(1);
  Training whole, halves, ragged;
  whole.train_for(1, 1e-3, 64);
  halves.train_for(1, 1e-3, 32);
  ragged.train_for(1, 1e-3, 23);
  EXPECT_NEAR(whole.sink.losses[0], halves.sink.losses[0], 1e-5);
  EXPECT_NEAR(whole.sink.losses[0], ragged.sink.losses[0], 1e-5);
}

// The gradients themselves, not what Adam makes of them.
struct Gradients {
  std::vector<at::Tensor> tensors;
  double loss = 0;
};

Gradients gradients_of(const std::vector<TrainItem>& items, const StepSettings& settings) {
  const auto model = tiny_model();
  FlatAdamW optimizer(model->trainable_parameters(), {});
  LanguageStep step(*model, nullptr, items, order_of(items, std::ssize(items)), settings);
  Gradients result;
  result.loss = step(optimizer).loss.item<double>();
  for (const auto& parameter : model->trainable_parameters())
    result.tensors.push_back(parameter.tensor.grad().clone());
  return result;
}

void expect_same(const Gradients& found, const Gradients& wanted) {
  EXPECT_NEAR(found.loss, wanted.loss, 1e-5 * wanted.loss);
  for (std::size_t i = 0; i < wanted.tensors.size(); ++i)
    EXPECT_TRUE(at::allclose(found.tensors[i], wanted.tensors[i], 1e-5, 1e-6)) << i;
}

TEST(Train, AccumulatesTheGradientOfTheWholeBatch) {
  const auto items = tiny_items(64);
  const Gradients whole = gradients_of(items, {.micro_batch = 64});
  expect_same(gradients_of(items, {.micro_batch = 32}), whole);
  expect_same(gradients_of(items, {.micro_batch = 23}), whole);
}

TEST(Train, PackedEqualsPadded) {
  const auto items = tiny_items(64);
  for (const std::int64_t micro_batch : {64, 20})
    expect_same(gradients_of(items, {.micro_batch = micro_batch, .packing = true}),
                gradients_of(items, {.micro_batch = micro_batch}));
}

// The mean of the micro-batches' means, each computed by itself here.
TEST(Train, CanTakeTheMeanOfTheMicroBatchesMeans) {
  const auto items = tiny_items(20);
  const StepSettings settings{.micro_batch = 8, .normalization = LossNormalization::micro_batch};
  const Gradients found = gradients_of(items, settings);
  const std::vector<std::int64_t> order = order_of(items, 20).next();
  Gradients wanted;
  for (std::size_t begin = 0; begin < 20; begin += 8) {
    std::vector<TrainItem> part;
    for (std::size_t i = begin; i < std::min<std::size_t>(begin + 8, 20); ++i)
      part.push_back(items[static_cast<std::size_t>(order[i])]);
    const Gradients one = gradients_of(part, {.micro_batch = 8});
    wanted.loss += one.loss / 3;
    wanted.tensors.resize(one.tensors.size());
    for (std::size_t i = 0; i < one.tensors.size(); ++i)
      wanted.tensors[i] =
          wanted.tensors[i].defined() ? wanted.tensors[i] + one.tensors[i] / 3 : one.tensors[i] / 3;
  }
  expect_same(found, wanted);
  EXPECT_GT(std::abs(found.loss - gradients_of(items, {.micro_batch = 8}).loss), 1e-4)
      << "over all tokens the mean is another";
}

// Where memory is short the pieces are smaller than the micro-batches that the mean is over.
TEST(Train, NormalizesOverTheMicroBatchesAskedForWhateverFits) {
  const auto items = tiny_items(20);
  for (const std::int64_t fitting : {8, 4, 3})
    expect_same(
        gradients_of(items, {.micro_batch = 8,
                             .fitting_micro_batch = fitting,
                             .normalization = LossNormalization::micro_batch}),
        gradients_of(items, {.micro_batch = 8, .normalization = LossNormalization::micro_batch}));
}

TEST(Train, StopsWhenItDiverges) {
  Training run;
  run.train_for(200, 1e30, 64);
  ASSERT_FALSE(run.state);
  EXPECT_EQ(run.state.error().code, Errc::diverged);
  EXPECT_NE(run.state.error().message.find("at step "), std::string::npos);
  EXPECT_NE(run.state.error().message.find(std::to_string(run.sink.last_step + 1)),
            std::string::npos)
      << run.state.error().message << " after " << run.sink.last_step;
}

TEST(Train, StopsBetweenStepsWhenCancelled) {
  Training run;
  run.sink.cancel_after = 5;
  run.train_for(200, 1e-3, 64);
  ASSERT_FALSE(run.state);
  EXPECT_EQ(run.state.error().code, Errc::cancelled);
  EXPECT_EQ(run.sink.last_step, 5);
}

TEST(Train, OfLoraLeavesTheBaseAlone) {
  const auto model = make_random_model(tiny_config(), 1, {});
  std::vector<at::Tensor> before;
  for (const NamedTensor& tensor : model->named_tensors()) before.push_back(tensor.view().clone());
  attach_lora(*model, {}, 3);
  model->set_training(true);
  const auto items = tiny_items(200);
  RecordingSink sink;
  FlatAdamW optimizer(model->trainable_parameters(), {});
  LanguageStep step(*model, nullptr, items, order_of(items, 64), {.micro_batch = 64});
  const LoopSettings settings{.steps = 100, .lr = 1e-2, .clip = 1, .stage_steps = 100};
  ASSERT_TRUE(train(settings, optimizer, std::ref(step), sink));
  EXPECT_LT(sink.losses.back(), sink.losses.front());
  const auto after = model->named_tensors();
  for (std::size_t i = 0; i < after.size(); ++i)
    EXPECT_TRUE(at::equal(after[i].view(), before[i])) << after[i].name;
}

TEST(TokenBatch, SupervisesEachAnswerTokenWhereItIsPredicted) {
  const std::vector<TrainItem> items{{{1, 5, 6, 7, 2}, {-100, -100, -100, 7, 2}, -1},
                                     {{1, 8, 2}, {-100, -100, 2}, -1}};
  const std::vector<std::int64_t> indices{0, 1};
  const std::vector<double> weights{0.5, 0.25};
  const TokenBatch batch = make_batch(items, indices, weights, false, at::kCPU);
  EXPECT_TRUE(at::equal(batch.ids, at::tensor({1, 5, 6, 7, 1, 8, 0, 0}, at::kLong).view({2, 4})));
  ASSERT_EQ(batch.rows.size(0), 64);
  EXPECT_TRUE(at::equal(batch.rows.narrow(0, 0, 3), at::tensor({2, 3, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.targets.narrow(0, 0, 3), at::tensor({7, 2, 2}, at::kLong)));
  EXPECT_TRUE((batch.targets.narrow(0, 3, 61) == kIgnoredLabel).all().item<bool>());
  EXPECT_EQ(batch.num_tokens, 6);
  ASSERT_EQ(batch.weights.size(), 2U);
  EXPECT_EQ(batch.weights[0].count, 2);
  EXPECT_EQ(batch.weights[1].first, 2);
  EXPECT_EQ(batch.weights[1].count, 62);
}

TEST(TokenBatch, PacksOneBehindTheOther) {
  const std::vector<TrainItem> items{{{1, 5, 6, 7, 2}, {-100, -100, -100, 7, 2}, 4},
                                     {{1, 8, 2}, {-100, -100, 2}, -1}};
  const std::vector<std::int64_t> indices{0, 1};
  const std::vector<double> weights{1, 1};
  const TokenBatch batch = make_batch(items, indices, weights, true, at::kCPU);
  EXPECT_TRUE(at::equal(batch.ids, at::tensor({1, 5, 6, 7, 1, 8}, at::kLong).view({1, 6})));
  EXPECT_TRUE(at::equal(batch.rows, at::tensor({2, 3, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.targets, at::tensor({7, 2, 2}, at::kLong)));
  EXPECT_EQ(batch.sequences, (std::vector<std::int64_t>{4, 2}));
  EXPECT_EQ(batch.images, std::vector<std::int64_t>{4});
  ASSERT_EQ(batch.weights.size(), 1U);
  EXPECT_EQ(batch.weights[0].count, 3);
}

TEST(MicroBatches, AreHalvedUntilTheyFit) {
  MicroBatches micro_batches(64);
  const std::vector<std::int64_t> batch(64);
  std::vector<std::size_t> pieces;
  const auto begin = [&] { pieces.clear(); };
  const auto fits_ten = [&](std::span<const std::int64_t> piece) {
    if (piece.size() > 10) throw std::bad_alloc();
    pieces.push_back(piece.size());
  };
  micro_batches.run(batch, begin, fits_ten);
  EXPECT_EQ(micro_batches.size(), 8);
  EXPECT_EQ(micro_batches.times_halved(), 3);
  EXPECT_EQ(pieces, std::vector<std::size_t>(8, 8));
  micro_batches.run(batch, begin, fits_ten);
  EXPECT_EQ(micro_batches.times_halved(), 3) << "it stays at what fits";
}

TEST(MicroBatches, GiveUpAtOneAndOnOtherErrors) {
  const std::vector<std::int64_t> batch(4);
  const auto begin = [] {};
  MicroBatches hopeless(4);
  EXPECT_THROW(hopeless.run(batch, begin, [](auto) { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_EQ(hopeless.size(), 1);
  MicroBatches broken(4);
  EXPECT_THROW(broken.run(batch, begin, [](auto) { throw std::runtime_error("x"); }),
               std::runtime_error);
  EXPECT_EQ(broken.times_halved(), 0);
}

}  // namespace
}  // namespace vlsweep
