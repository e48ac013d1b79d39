// The float32 loops of decoding against sums in double, and the promise that a row's result does
// not depend on its company.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "worker/trainer/model/float_cached_attention.h"
#include "worker/trainer/model/row_products.h"
#include "worker/trainer/train/random.h"

namespace vlsweep {
namespace {

std::vector<float> random_floats(std::int64_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values)
    value = static_cast<float>(random.next() >> 40) / static_cast<float>(1 << 23) - 1.0F;
  return values;
}

struct ProductCase {
  std::int64_t rows, inputs, outputs;
};

class RowProducts : public testing::TestWithParam<ProductCase> {
 protected:
  const std::int64_t rows_ = GetParam().rows, inputs_ = GetParam().inputs,
                     outputs_ = GetParam().outputs;
  const std::vector<float> x_ = random_floats(rows_ * inputs_, 1),
                           w_ = random_floats(outputs_ * inputs_, 2);

  std::vector<float> multiply(std::int64_t first_row, std::int64_t rows, bool add) const {
    std::vector<float> y(static_cast<std::size_t>(rows * outputs_), 1.0F);
    multiply_rows(
        {x_.data() + first_row * inputs_, w_.data(), y.data(), rows, inputs_, outputs_, add}, 0,
        outputs_);
    return y;
  }
};

TEST_P(RowProducts, EqualTheSumsInDouble) {
  const auto y = multiply(0, rows_, false), added = multiply(0, rows_, true);
  for (std::int64_t r = 0; r < rows_; ++r) {
    for (std::int64_t n = 0; n < outputs_; ++n) {
      double wanted = 0;
      for (std::int64_t k = 0; k < inputs_; ++k)
        wanted += static_cast<double>(x_[static_cast<std::size_t>(r * inputs_ + k)]) *
                  static_cast<double>(w_[static_cast<std::size_t>(n * inputs_ + k)]);
      const auto at = static_cast<std::size_t>(r * outputs_ + n);
      ASSERT_NEAR(y[at], wanted, 1e-6 * static_cast<double>(inputs_)) << r << ", " << n;
      ASSERT_EQ(added[at], 1.0F + y[at]);
    }
  }
}

TEST_P(RowProducts, ARowAloneHasTheSameBits) {
  const auto together = multiply(0, rows_, false);
  for (std::int64_t r = 0; r < rows_; ++r) {
    const auto alone = multiply(r, 1, false);
    ASSERT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + r * outputs_)) << r;
  }
}

TEST_P(RowProducts, AnySplitOfTheOutputsHasTheSameBits) {
  const auto whole = multiply(0, rows_, false);
  std::vector<float> y(whole.size());
  const RowProduct product{x_.data(), w_.data(), y.data(), rows_, inputs_, outputs_};
  for (std::int64_t begin = 0; begin < outputs_; begin += 5)
    multiply_rows(product, begin, std::min(begin + 5, outputs_));
  EXPECT_EQ(y, whole);
}

INSTANTIATE_TEST_SUITE_P(Shapes, RowProducts,
                         testing::Values(ProductCase{1, 1, 1}, ProductCase{5, 7, 13},
                                         ProductCase{9, 16, 6}, ProductCase{3, 49, 37},
                                         ProductCase{70, 96, 50}, ProductCase{6, 2050, 7}));

struct AttentionCase {
  std::int64_t heads, kv_heads, dim, count;
};

class CachedAttention : public testing::TestWithParam<AttentionCase> {};

TEST_P(CachedAttention, EqualsSoftmaxInDoubleAndReadsNothingBehindItsOwn) {
  const auto& [heads, kv_heads, dim, count] = GetParam();
  constexpr std::int64_t kCapacity = 96;
  const CachedAttentionShape shape{heads, kv_heads, dim, kCapacity};
  const std::int64_t width = (heads + 2 * kv_heads) * dim, group = heads / kv_heads;
  const auto cache_size = static_cast<std::size_t>(kv_heads * kCapacity * dim);
  // What nobody has written may be anything.
  std::vector<float> keys(cache_size, std::numeric_limits<float>::quiet_NaN()), values = keys;
  std::vector<std::vector<float>> rows;  // with queries and keys rotated
  for (std::int64_t p = 0; p < count; ++p) {
    std::vector<float> row = random_floats(width, 100 + static_cast<std::uint64_t>(p));
    std::vector<float> cos, sin;
    for (std::int64_t i = 0; i < dim / 2; ++i) {
      cos.push_back(std::cos(static_cast<float>(p) / static_cast<float>(i + 1)));
      sin.push_back(std::sin(static_cast<float>(p) / static_cast<float>(i + 1)));
    }
    store_position(shape, cos.data(), sin.data(), p, row.data(), keys.data(), values.data());
    for (std::int64_t h = heads; h < heads + kv_heads; ++h) {
      for (std::int64_t i = 0; i < dim / 2; ++i) {
        const auto first = static_cast<std::size_t>(h * dim + i);
        const auto second = first + static_cast<std::size_t>(dim / 2);
        const auto at = static_cast<std::size_t>(i);
        const float a = row[first], b = row[second];
        row[first] = a * cos[at] - b * sin[at];
        row[second] = b * cos[at] + a * sin[at];
      }
    }
    rows.push_back(std::move(row));
  }
  const std::vector<float>& last = rows.back();
  std::vector<float> scratch(kCapacity), out(static_cast<std::size_t>(group * dim));
  for (std::int64_t kv = 0; kv < kv_heads; ++kv) {
    attend_cached(shape, kv, count, last.data(), keys.data(), values.data(), scratch.data(),
                  out.data());
    for (std::int64_t g = 0; g < group; ++g) {
      const auto at = [&](const std::vector<float>& row, std::int64_t head, std::int64_t i) {
        return static_cast<double>(row[static_cast<std::size_t>(head * dim + i)]);
      };
      std::vector<double> weights;
      double total = 0;
      for (const auto& row : rows) {
        double product = 0;
        for (std::int64_t i = 0; i < dim; ++i)
          product += at(last, kv * group + g, i) * at(row, heads + kv, i);
        weights.push_back(std::exp(product / std::sqrt(static_cast<double>(dim))));
        total += weights.back();
      }
      for (std::int64_t i = 0; i < dim; ++i) {
        double wanted = 0;
        for (std::size_t j = 0; j < rows.size(); ++j)
          wanted += weights[j] / total * at(rows[j], heads + kv_heads + kv, i);
        ASSERT_NEAR(out[static_cast<std::size_t>(g * dim + i)], wanted, 2e-6) << kv << g << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CachedAttention,
                         testing::Values(AttentionCase{1, 1, 2, 1}, AttentionCase{4, 2, 8, 17},
                                         AttentionCase{3, 1, 22, 40}, AttentionCase{9, 3, 64, 90},
                                         AttentionCase{2, 2, 80, 96},
                                         AttentionCase{2, 1, 128, 33}));

}  // namespace
}  // namespace vlsweep
