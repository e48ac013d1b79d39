#include "worker/trainer/model/row_products.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#if defined(__GNUC__) && !defined(__clang__)
#define VLSWEEP_INLINE inline __attribute__((always_inline))
#else
#define VLSWEEP_INLINE inline
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#define VLSWEEP_X86 1
#endif

namespace vlsweep {
namespace {

// Rows of x that stay in the second-level cache while the weights pass by.
constexpr std::int64_t kCachedBytes = 256 << 10;

template <int L>
struct Lanes {
  typedef float Vector __attribute__((vector_size(L * sizeof(float))));
  typedef float Loose __attribute__((vector_size(L * sizeof(float)), aligned(4), may_alias));
};

// Where lane i of a fold comes from in two vectors seen as one: of each block of `width` lanes, in
// turn, its first half (`half` 0) or its second (1).
constexpr int fold_source(std::size_t i, int width, int half) {
  const int lane = static_cast<int>(i), step = width / 2;
  return lane / step * width + half * step + lane % step;
}

template <int Width, class Vector, std::size_t... Lane>
VLSWEEP_INLINE void fold_pair(const Vector& a, const Vector& b, Vector& sum,
                              std::index_sequence<Lane...>) {
  sum = __builtin_shufflevector(a, b, fold_source(Lane, Width, 0)...) +
        __builtin_shufflevector(a, b, fold_source(Lane, Width, 1)...);
}

// Sums the lanes of `Count` vectors (a power of 2 up to L) into the first one's first lanes, by
// halving: lane i and lane i + width / 2, always in this order.
template <int L, int Width, int Count, class Vector>
VLSWEEP_INLINE void fold(Vector* sums) {
  if constexpr (Width > 1) {
    constexpr int kNext = Count > 1 ? Count / 2 : 1;
#pragma GCC unroll 8
    for (int i = 0; i < kNext; ++i) {
      const Vector a = sums[Count > 1 ? 2 * i : i], b = sums[Count > 1 ? 2 * i + 1 : i];
      fold_pair<Width>(a, b, sums[i], std::make_index_sequence<L>());
    }
    fold<L, Width / 2, kNext>(sums);
  }
}

constexpr int round_to_power(int count) {
  int power = 1;
  while (power < count) power *= 2;
  return power;
}

// M rows times N rows of weights, each pair a dot product in L lanes: over the inputs in order,
// then the lanes folded, then the inputs that fill no vector.
template <int L, int M, int N>
VLSWEEP_INLINE void multiply_tile(const RowProduct& p, const float* x, const float* w, float* y) {
  using Vector = typename Lanes<L>::Vector;
  using Loose = typename Lanes<L>::Loose;
  constexpr int kSums = M * N, kRoom = (kSums + L - 1) / L * L;
  Vector sums[kRoom] = {};
  const std::int64_t inputs = p.inputs, whole = inputs / L * L;
  for (std::int64_t k = 0; k < whole; k += L) {
    Vector rows[M];
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) rows[m] = *reinterpret_cast<const Loose*>(x + m * inputs + k);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      const Vector weights = *reinterpret_cast<const Loose*>(w + n * inputs + k);
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) sums[m * N + n] += rows[m] * weights;
    }
  }
  float totals[kRoom];
#pragma GCC unroll 4
  for (int begin = 0; begin < kSums; begin += L) {
    constexpr int kLast = round_to_power(kSums % L == 0 ? L : kSums % L);
    if (begin + L <= kSums)
      fold<L, L, L>(sums + begin);
    else
      fold<L, L, kLast>(sums + begin);
    *reinterpret_cast<Loose*>(totals + begin) = sums[begin];
  }
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) {
      float total = totals[m * N + n];
      for (std::int64_t k = whole; k < inputs; ++k) total += x[m * inputs + k] * w[n * inputs + k];
      float& target = y[m * p.y_stride + n];
      target = p.add ? target + total : total;
    }
  }
}

template <int L, int M, int N>
VLSWEEP_INLINE void multiply_rest_of_rows(const RowProduct& p, std::int64_t row, std::int64_t end,
                                          std::int64_t output) {
  if constexpr (M > 0) {
    for (; row + M <= end; row += M) {
      multiply_tile<L, M, N>(p, p.x + row * p.inputs, p.weight + output * p.inputs,
                             p.y + row * p.y_stride + output);
    }
    multiply_rest_of_rows<L, M - 1, N>(p, row, end, output);
  }
}

template <int L, int M, int N>
VLSWEEP_INLINE void multiply(const RowProduct& p, std::int64_t begin, std::int64_t end) {
  const auto row_bytes = p.inputs * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t block = std::max<std::int64_t>(kCachedBytes / (row_bytes + 1) / M, 1) * M;
  for (std::int64_t row = 0; row < p.rows; row += block) {
    const std::int64_t last = std::min(p.rows, row + block);
    std::int64_t output = begin;
    for (; output + N <= end; output += N) multiply_rest_of_rows<L, M, N>(p, row, last, output);
    for (; output < end; ++output) multiply_rest_of_rows<L, M, 1>(p, row, last, output);
  }
}

#ifdef VLSWEEP_X86
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"))) void multiply_avx512(
    const RowProduct& p, std::int64_t begin, std::int64_t end) {
  multiply<16, 4, 6>(p, begin, end);
}
__attribute__((target("avx2,fma"))) void multiply_avx2(const RowProduct& p, std::int64_t begin,
                                                       std::int64_t end) {
  multiply<8, 3, 4>(p, begin, end);
}
#endif

}  // namespace

void multiply_rows(const RowProduct& product, std::int64_t begin, std::int64_t end) {
#ifdef VLSWEEP_X86
  if (__builtin_cpu_supports("avx512f")) return multiply_avx512(product, begin, end);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return multiply_avx2(product, begin, end);
#endif
  multiply<4, 2, 4>(product, begin, end);
}

}  // namespace vlsweep
