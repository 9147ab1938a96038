#include "core/kernels/stream_product.h"

#include <bit>
#include <cstdint>

#include "core/kernels/lanes.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace gradus::kernels {
namespace {

#if defined(__AVX512F__)
void stream(real* p, const Lanes& v) {
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), std::bit_cast<__m512i>(v));
}
#elif defined(__AVX__)
void stream(real* p, const Lanes& v) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), std::bit_cast<__m256i>(v));
}
#elif defined(__SSE2__)
void stream(real* p, const Lanes& v) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), std::bit_cast<__m128i>(v));
}
#else
void stream(real* p, const Lanes& v) { store(p, v); }
#endif

}  // namespace

void stream_outer_product(const real* a, int64 rows, const real* b, int64 columns, real* out) {
  const bool aligned = columns % kLanes == 0 &&
                       reinterpret_cast<std::uintptr_t>(out) % static_cast<std::uintptr_t>(kVectorBytes) == 0;
  for (int64 r = 0; r < rows; ++r, out += columns) {
    if (!aligned) {
      for (int64 c = 0; c < columns; ++c) out[c] = a[r] * b[c];
      continue;
    }
    for (int64 c = 0; c < columns; c += kLanes) stream(out + c, load(b + c) * a[r]);
  }
#if defined(__SSE2__)
  _mm_sfence();  // seen by other threads from here on
#endif
}

}  // namespace gradus::kernels
