#include "core/element_type.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace gradus {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

struct Half {
  std::uint16_t bits;
  // 1 sign, 5 exponent, 10 fraction bits (IEEE 754 binary16).
  operator double() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = 0;
    if (exponent == 31) {
      magnitude = fraction ? std::nan("") : INFINITY;
    } else {
      magnitude = exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
    }
    return bits & 0x8000 ? -magnitude : magnitude;
  }
};

struct BrainFloat {
  std::uint16_t bits;  // the upper half of a float
  operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
};

template <class From, class To>
void convert(const std::uint8_t* bytes, int64 n, To* out) {
  if constexpr (std::is_same_v<From, To>) {
    if (n) std::memcpy(out, bytes, static_cast<std::size_t>(n) * sizeof(To));
  } else {
    for (int64 i = 0; i < n; ++i) {
      From value;
      std::memcpy(&value, bytes + static_cast<std::size_t>(i) * sizeof value, sizeof value);
      if constexpr (std::is_same_v<From, double> && std::is_same_v<To, float>) {
        // Beyond the largest float a plain cast is undefined.
        constexpr double kHalfwayToInfinity = 0x1.ffffffp127;
        out[i] = std::fabs(value) >= kHalfwayToInfinity
                     ? std::copysign(INFINITY, static_cast<float>(std::copysign(1, value)))
                     : static_cast<float>(value);
      } else {
        out[i] = static_cast<To>(value);
      }
    }
  }
}

// Calls f with a value of the C++ type of an integer element.
template <class F>
void with_integer(ElementType type, const F& f) {
  switch (type) {
    case ElementType::kBool:
    case ElementType::kU8:
      return f(std::uint8_t{});
    case ElementType::kI8:
      return f(std::int8_t{});
    case ElementType::kU16:
      return f(std::uint16_t{});
    case ElementType::kI16:
      return f(std::int16_t{});
    case ElementType::kU32:
      return f(std::uint32_t{});
    case ElementType::kI32:
      return f(std::int32_t{});
    case ElementType::kI64:
      return f(std::int64_t{});
    default:
      fail<DataError>("{} is not an integer type", element_name(type));
  }
}

}  // namespace

std::size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::kBool:
    case ElementType::kU8:
    case ElementType::kI8:
      return 1;
    case ElementType::kF16:
    case ElementType::kBF16:
    case ElementType::kU16:
    case ElementType::kI16:
      return 2;
    case ElementType::kF32:
    case ElementType::kU32:
    case ElementType::kI32:
      return 4;
    case ElementType::kF64:
    case ElementType::kI64:
      return 8;
  }
  return 0;
}

const char* element_name(ElementType type) {
  static constexpr std::array kNames = {"F16", "BF16", "F32", "F64", "BOOL", "U8",
                                        "I8",  "U16",  "I16", "U32", "I32",  "I64"};
  return kNames.at(static_cast<std::size_t>(type));
}

bool is_real(ElementType type) {
  return type == ElementType::kF16 || type == ElementType::kBF16 || type == ElementType::kF32 ||
         type == ElementType::kF64;
}

void convert_elements(ElementType type, const std::uint8_t* bytes, int64 n, real* out) {
  switch (type) {
    case ElementType::kF16:
      return convert<Half>(bytes, n, out);
    case ElementType::kBF16:
      return convert<BrainFloat>(bytes, n, out);
    case ElementType::kF32:
      return convert<float>(bytes, n, out);
    case ElementType::kF64:
      return convert<double>(bytes, n, out);
    default:
      with_integer(type, [&](auto zero) { convert<decltype(zero)>(bytes, n, out); });
  }
}

void convert_elements(ElementType type, const std::uint8_t* bytes, int64 n, int64* out) {
  with_integer(type, [&](auto zero) { convert<decltype(zero)>(bytes, n, out); });
}

}  // namespace gradus
