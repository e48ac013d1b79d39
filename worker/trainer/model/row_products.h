// Matrix products over float32 rows for decoding: a row's result does not depend, to the bit, on
// how many rows there are, so that a prompt gets the same answer alone and in any batch. The
// weights are read as they lie in the file. No libtorch.
//
// Pure functions on the caller's memory; safe from any thread on disjoint memory.
#pragma once

#include <cstdint>

namespace vlsweep {

// y [rows, ..] = x [rows, inputs] times weight [outputs, inputs] transposed; with `add`, added to
// what y holds. Row r of y begins at y + r * y_stride. Reads weights at about the memory's speed
// when there are few rows.
struct RowProduct {
  const float* x = nullptr;
  const float* weight = nullptr;
  float* y = nullptr;
  std::int64_t rows = 0, inputs = 0;
  std::int64_t y_stride = 0;
  bool add = false;
};

// The outputs begin .. end - 1 of a product; any split of the outputs gives the same bits.
void multiply_rows(const RowProduct& product, std::int64_t begin, std::int64_t end);

}  // namespace vlsweep
