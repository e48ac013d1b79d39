#include "worker/trainer/model/float_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "worker/trainer/model/vector_math.h"

namespace vlsweep {
namespace {

VLSWEEP_INLINE float lane_max(std::int64_t count, const float* x) {
  std::array<float, kLanes> lanes;
  lanes.fill(x[0]);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = std::max(lanes[lane], x[i + static_cast<std::int64_t>(lane)]);
  }
  float largest = x[0];
  for (; i < count; ++i) largest = std::max(largest, x[i]);
  for (const float lane : lanes) largest = std::max(largest, lane);
  return largest;
}

template <int D>
VLSWEEP_INLINE void rotate(const float* x, const float* cos, const float* sin, float* y) {
  for (int i = 0; i < D / 2; ++i) {
    y[i] = x[i] * cos[i] - x[i + D / 2] * sin[i];
    y[i + D / 2] = x[i + D / 2] * cos[i] + x[i] * sin[i];
  }
}

template <int D>
VLSWEEP_INLINE void rotate_back(const float* y, const float* cos, const float* sin, float* x) {
  for (int i = 0; i < D / 2; ++i) {
    x[i] = y[i] * cos[i] + y[i + D / 2] * sin[i];
    x[i + D / 2] = y[i + D / 2] * cos[i] - y[i] * sin[i];
  }
}

std::int64_t padded(std::int64_t length) { return (length + kLanes - 1) / kLanes * kLanes; }

// One head's rows of a [T, stride] matrix as columns [D, padded T], zeros behind T.
template <int D>
VLSWEEP_INLINE void transpose(const float* rows, std::int64_t length, std::int64_t stride,
                              std::vector<float>& columns) {
  const std::int64_t pitch = padded(length);
  columns.assign(static_cast<std::size_t>(D * pitch), 0.0F);
  for (std::int64_t t = 0; t < length; ++t) {
    float* target = columns.data() + t;
    for (int d = 0; d < D; ++d) target[d * pitch] = rows[t * stride + d];
  }
}

// products[j] = row . column j, for the columns 0 .. count - 1 (count a multiple of kLanes).
template <int D>
VLSWEEP_INLINE void row_times_columns(const float* row, const float* columns, std::int64_t pitch,
                                      std::int64_t count, float* products) {
  for (std::int64_t j = 0; j < count; j += kLanes) {
    std::array<float, kLanes> sums{};
    for (int d = 0; d < D; ++d) {
      const float* column = columns + d * pitch + j;
      for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += row[d] * column[lane];
    }
    std::copy(sums.begin(), sums.end(), products + j);
  }
}

template <int D>
VLSWEEP_INLINE void add_scaled(float factor, const float* x, float* y) {
  for (int d = 0; d < D; ++d) y[d] += factor * x[d];
}

template <int D>
VLSWEEP_VECTORIZED void forward_of(const AttentionShape& shape, const float* qkv, float* rotated,
                                   float* out, float* log_sum_exp) {
  const std::int64_t T = shape.length, W = shape.row_size(), pitch = padded(T);
  const std::int64_t turned = shape.num_heads + shape.num_kv_heads;
  const std::int64_t out_stride = shape.num_heads * D;
  const float scale = 1.0F / std::sqrt(static_cast<float>(D));
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t h = 0; h < turned; ++h) {
      rotate<D>(qkv + t * W + h * D, shape.cos + t * (D / 2), shape.sin + t * (D / 2),
                rotated + t * W + h * D);
    }
    std::copy(qkv + t * W + turned * D, qkv + (t + 1) * W, rotated + t * W + turned * D);
  }
  std::vector<float> keys, weights(static_cast<std::size_t>(pitch));
  for (std::int64_t h = 0; h < shape.num_heads; ++h) {
    const std::int64_t group = shape.num_heads / shape.num_kv_heads, kv = h / group;
    const float* values = rotated + (turned + kv) * D;
    if (h % group == 0) transpose<D>(rotated + (shape.num_heads + kv) * D, T, W, keys);
    float* p = weights.data();
    for (std::int64_t t = 0; t < T; ++t) {
      const std::int64_t count = padded(t + 1);
      row_times_columns<D>(rotated + t * W + h * D, keys.data(), pitch, count, p);
      float largest = p[0];
      for (std::int64_t j = 1; j <= t; ++j) largest = std::max(largest, p[j]);
      for (std::int64_t j = 0; j < count; ++j) p[j] = exponential((p[j] - largest) * scale);
      const float sum = lane_sum(t + 1, [p](std::int64_t j) { return p[j]; });
      log_sum_exp[h * T + t] = largest * scale + std::log(sum);
      std::array<float, D> mixed{};
      for (std::int64_t j = 0; j <= t; ++j) add_scaled<D>(p[j], values + j * W, mixed.data());
      float* target = out + t * out_stride + h * D;
      const float inverse = 1.0F / sum;
      for (int d = 0; d < D; ++d) target[d] = mixed[static_cast<std::size_t>(d)] * inverse;
    }
  }
}

// Queries that go through the keys and values together, each position's rows being read once.
constexpr std::int64_t kQueries = 4;
template <int D>
using QueryRows = std::array<std::array<float, D>, kQueries>;

// What one position's key and value and the queries give each other; p and slopes are the queries'
// at this position, `pitch` apart.
template <int D>
VLSWEEP_INLINE void add_of_position(const float* p, const float* slopes, std::int64_t pitch,
                                    const QueryRows<D>& query, const QueryRows<D>& dout,
                                    const float* key, QueryRows<D>& dquery, float* grad_key,
                                    float* grad_value) {
  const float s0 = slopes[0], s1 = slopes[pitch], s2 = slopes[2 * pitch], s3 = slopes[3 * pitch];
  const float p0 = p[0], p1 = p[pitch], p2 = p[2 * pitch], p3 = p[3 * pitch];
  for (std::size_t d = 0; d < D; ++d) {
    dquery[0][d] += s0 * key[d];
    dquery[1][d] += s1 * key[d];
    dquery[2][d] += s2 * key[d];
    dquery[3][d] += s3 * key[d];
  }
  for (std::size_t d = 0; d < D; ++d)
    grad_key[d] += s0 * query[0][d] + s1 * query[1][d] + s2 * query[2][d] + s3 * query[3][d];
  for (std::size_t d = 0; d < D; ++d)
    grad_value[d] += p0 * dout[0][d] + p1 * dout[1][d] + p2 * dout[2][d] + p3 * dout[3][d];
}

template <int D>
VLSWEEP_VECTORIZED void backward_of(const AttentionShape& shape, const float* rotated,
                                    const float* out, const float* log_sum_exp,
                                    const float* grad_out, float* grad_qkv) {
  const std::int64_t T = shape.length, W = shape.row_size(), pitch = padded(T);
  const std::int64_t turned = shape.num_heads + shape.num_kv_heads;
  const std::int64_t out_stride = shape.num_heads * D;
  const float scale = 1.0F / std::sqrt(static_cast<float>(D));
  std::fill(grad_qkv, grad_qkv + T * W, 0.0F);
  std::vector<float> keys, values, weights(static_cast<std::size_t>(kQueries * pitch)),
      slopes(static_cast<std::size_t>(kQueries * pitch));
  for (std::int64_t h = 0; h < shape.num_heads; ++h) {
    const std::int64_t group = shape.num_heads / shape.num_kv_heads, kv = h / group;
    const std::int64_t key_at = (shape.num_heads + kv) * D, value_at = (turned + kv) * D;
    if (h % group == 0) {
      transpose<D>(rotated + key_at, T, W, keys);
      transpose<D>(rotated + value_at, T, W, values);
    }
    for (std::int64_t first = 0; first < T; first += kQueries) {
      const std::int64_t last = std::min(first + kQueries, T);
      QueryRows<D> query{}, dout{}, dquery{};
      std::fill(weights.begin(), weights.end(), 0.0F);
      std::fill(slopes.begin(), slopes.end(), 0.0F);
      for (std::int64_t t = first; t < last; ++t) {
        const auto i = static_cast<std::size_t>(t - first);
        std::copy_n(rotated + t * W + h * D, D, query[i].data());
        std::copy_n(grad_out + t * out_stride + h * D, D, dout[i].data());
        float* p = weights.data() + (t - first) * pitch;
        float* ds = slopes.data() + (t - first) * pitch;
        const float* mixed = out + t * out_stride + h * D;
        row_times_columns<D>(query[i].data(), keys.data(), pitch, padded(t + 1), p);
        row_times_columns<D>(dout[i].data(), values.data(), pitch, padded(t + 1), ds);
        float delta = 0;
        for (std::size_t d = 0; d < D; ++d) delta += dout[i][d] * mixed[d];
        const float shift = log_sum_exp[h * T + t];
        for (std::int64_t j = 0; j < padded(t + 1); ++j) {
          p[j] = exponential(p[j] * scale - shift);
          ds[j] = p[j] * (ds[j] - delta) * scale;
        }
        for (std::int64_t j = t + 1; j < padded(t + 1); ++j) p[j] = ds[j] = 0;
      }
      for (std::int64_t j = 0; j < last; ++j) {
        add_of_position<D>(weights.data() + j, slopes.data() + j, pitch, query, dout,
                           rotated + j * W + key_at, dquery, grad_qkv + j * W + key_at,
                           grad_qkv + j * W + value_at);
      }
      for (std::int64_t t = first; t < last; ++t) {
        rotate_back<D>(dquery[static_cast<std::size_t>(t - first)].data(), shape.cos + t * (D / 2),
                       shape.sin + t * (D / 2), grad_qkv + t * W + h * D);
      }
    }
  }
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t h = shape.num_heads; h < turned; ++h) {
      float* gradient = grad_qkv + t * W + h * D;
      std::array<float, D> turned_back{};
      rotate_back<D>(gradient, shape.cos + t * (D / 2), shape.sin + t * (D / 2),
                     turned_back.data());
      std::copy(turned_back.begin(), turned_back.end(), gradient);
    }
  }
}

}  // namespace

bool supported_head_dim(std::int64_t head_dim) {
  return head_dim == 8 || head_dim == 16 || head_dim == 32 || head_dim == 64;
}

void attention_forward(const AttentionShape& shape, const float* qkv, float* rotated, float* out,
                       float* log_sum_exp) {
  switch (shape.head_dim) {
    case 8:
      return forward_of<8>(shape, qkv, rotated, out, log_sum_exp);
    case 16:
      return forward_of<16>(shape, qkv, rotated, out, log_sum_exp);
    case 32:
      return forward_of<32>(shape, qkv, rotated, out, log_sum_exp);
    default:
      return forward_of<64>(shape, qkv, rotated, out, log_sum_exp);
  }
}

void attention_backward(const AttentionShape& shape, const float* rotated, const float* out,
                        const float* log_sum_exp, const float* grad_out, float* grad_qkv) {
  switch (shape.head_dim) {
    case 8:
      return backward_of<8>(shape, rotated, out, log_sum_exp, grad_out, grad_qkv);
    case 16:
      return backward_of<16>(shape, rotated, out, log_sum_exp, grad_out, grad_qkv);
    case 32:
      return backward_of<32>(shape, rotated, out, log_sum_exp, grad_out, grad_qkv);
    default:
      return backward_of<64>(shape, rotated, out, log_sum_exp, grad_out, grad_qkv);
  }
}

VLSWEEP_VECTORIZED void rms_norm_forward(std::int64_t rows, std::int64_t d, const float* x,
                                         const float* weight, float eps, float* y,
                                         float* inverse_rms) {
  for (std::int64_t r = 0; r < rows; ++r, x += d, y += d) {
    const float sum = lane_sum(d, [x](std::int64_t i) { return x[i] * x[i]; });
    const float inverse = 1.0F / std::sqrt(sum / static_cast<float>(d) + eps);
    inverse_rms[r] = inverse;
    for (std::int64_t i = 0; i < d; ++i) y[i] = weight[i] * (x[i] * inverse);
  }
}

VLSWEEP_VECTORIZED void rms_norm_scale(std::int64_t rows, std::int64_t d, const float* x,
                                       const float* weight, const float* inverse_rms, float* y) {
  for (std::int64_t r = 0; r < rows; ++r, x += d, y += d) {
    const float inverse = inverse_rms[r];
    for (std::int64_t i = 0; i < d; ++i) y[i] = weight[i] * (x[i] * inverse);
  }
}

VLSWEEP_VECTORIZED void rms_norm_backward(std::int64_t rows, std::int64_t d, const float* x,
                                          const float* weight, const float* inverse_rms,
                                          const float* grad_y, float* grad_x, float* grad_weight) {
  for (std::int64_t r = 0; r < rows; ++r, x += d, grad_y += d, grad_x += d) {
    const float inverse = inverse_rms[r];
    const float dot = lane_sum(d, [=](std::int64_t i) { return grad_y[i] * weight[i] * x[i]; });
    const float pull = dot * inverse * inverse / static_cast<float>(d);
    for (std::int64_t i = 0; i < d; ++i) {
      grad_x[i] = (grad_y[i] * weight[i] - x[i] * pull) * inverse;
    }
    if (!grad_weight) continue;
    for (std::int64_t i = 0; i < d; ++i) grad_weight[i] += grad_y[i] * (x[i] * inverse);
  }
}

VLSWEEP_VECTORIZED void swiglu_forward(std::int64_t rows, std::int64_t f, const float* gate_up,
                                       float* y) {
  for (std::int64_t r = 0; r < rows; ++r, gate_up += 2 * f, y += f) {
    for (std::int64_t i = 0; i < f; ++i) {
      const float gate = gate_up[i];
      y[i] = gate / (1.0F + exponential(-gate)) * gate_up[f + i];
    }
  }
}

VLSWEEP_VECTORIZED void swiglu_backward(std::int64_t rows, std::int64_t f, const float* gate_up,
                                        const float* grad_y, float* grad_gate_up) {
  for (std::int64_t r = 0; r < rows; ++r, gate_up += 2 * f, grad_y += f, grad_gate_up += 2 * f) {
    for (std::int64_t i = 0; i < f; ++i) {
      const float gate = gate_up[i];
      const float sigmoid = 1.0F / (1.0F + exponential(-gate));
      grad_gate_up[i] = grad_y[i] * gate_up[f + i] * sigmoid * (1.0F + gate * (1.0F - sigmoid));
      grad_gate_up[f + i] = grad_y[i] * gate * sigmoid;
    }
  }
}

namespace {

constexpr std::int64_t kWordsPerBlock = 4;  // 32-bit words of one Philox block
constexpr std::int64_t kDraws = kDropoutGroup / kLanes;
static_assert(kDraws == 2 * kWordsPerBlock, "16 bits decide on an element");

// kLanes blocks side by side; draws[k][lane] are 16 random bits.
VLSWEEP_INLINE void philox_draws(const PhiloxStream& stream, std::uint32_t first_block,
                                 std::uint32_t draws[kDraws][kLanes]) {
  std::uint32_t words[kWordsPerBlock][kLanes];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    words[0][lane] = first_block + static_cast<std::uint32_t>(lane);
    words[1][lane] = stream.words[0];
    words[2][lane] = stream.words[1];
    words[3][lane] = stream.words[2];
  }
  auto key0 = static_cast<std::uint32_t>(stream.key);
  auto key1 = static_cast<std::uint32_t>(stream.key >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9U, key1 += 0xBB67AE85U) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * words[0][lane];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * words[2][lane];
      words[0][lane] = static_cast<std::uint32_t>(product1 >> 32) ^ words[1][lane] ^ key0;
      words[1][lane] = static_cast<std::uint32_t>(product1);
      words[2][lane] = static_cast<std::uint32_t>(product0 >> 32) ^ words[3][lane] ^ key1;
      words[3][lane] = static_cast<std::uint32_t>(product0);
    }
  }
  for (std::int64_t k = 0; k < kWordsPerBlock; ++k) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      draws[2 * k][lane] = words[k][lane] & 0xFFFFU;
      draws[2 * k + 1][lane] = words[k][lane] >> 16;
    }
  }
}

// Calls `store(element, factor)` for the elements [begin, end).
template <class Store>
VLSWEEP_INLINE void for_dropout_factors(const PhiloxStream& stream, double probability,
                                        std::int64_t begin, std::int64_t end, Store store) {
  const auto limit = static_cast<std::uint32_t>(std::lround(probability * 65536.0));
  const auto kept = static_cast<float>(1.0 / (1.0 - probability));
  std::uint32_t draws[kDraws][kLanes];
  for (std::int64_t i = begin; i < end; i += kDropoutGroup) {
    philox_draws(stream, static_cast<std::uint32_t>(i / kDropoutGroup * kLanes), draws);
    for (std::int64_t k = 0; k < kDraws; ++k) {
      const std::int64_t first = i + k * kLanes;
      if (first + kLanes <= end) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane)
          store(first + lane, draws[k][lane] < limit ? 0.0F : kept);
      } else {
        for (std::int64_t lane = 0; first + lane < end; ++lane)
          store(first + lane, draws[k][lane] < limit ? 0.0F : kept);
      }
    }
  }
}

}  // namespace

VLSWEEP_VECTORIZED void dropout_forward(const PhiloxStream& stream, double probability,
                                        std::int64_t begin, std::int64_t end, const float* x,
                                        float* y) {
  for_dropout_factors(stream, probability, begin, end,
                      [x, y](std::int64_t i, float factor) { y[i] = x[i] * factor; });
}

VLSWEEP_VECTORIZED void dropout_add(const PhiloxStream& stream, double probability,
                                    std::int64_t begin, std::int64_t end, const float* x,
                                    float* y) {
  for_dropout_factors(stream, probability, begin, end,
                      [x, y](std::int64_t i, float factor) { y[i] += x[i] * factor; });
}

VLSWEEP_VECTORIZED void cross_entropy_rows(std::int64_t rows, std::int64_t vocabulary,
                                           float* logits, const std::int64_t* targets,
                                           float gradient_scale, float* losses) {
  for (std::int64_t r = 0; r < rows; ++r, logits += vocabulary) {
    const bool scored = targets[r] >= 0;
    losses[r] = 0;
    if (!scored) {
      if (gradient_scale != 0) std::fill(logits, logits + vocabulary, 0.0F);
      continue;
    }
    const float* row = logits;
    const float largest = lane_max(vocabulary, row);
    const float sum =
        lane_sum(vocabulary, [=](std::int64_t i) { return exponential(row[i] - largest); });
    losses[r] = largest + std::log(sum) - logits[targets[r]];
    if (gradient_scale == 0) continue;
    const float factor = gradient_scale / sum;
    for (std::int64_t i = 0; i < vocabulary; ++i)
      logits[i] = exponential(logits[i] - largest) * factor;
    logits[targets[r]] -= gradient_scale;
  }
}

}  // namespace vlsweep
