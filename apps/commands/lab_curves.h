// What the pictures of labs are made of: curves of functions. Those of labs 7 to 12 are in lab_pictures_late.cpp.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "apps/report/plot.h"

namespace gradus {

using Numbers = std::vector<double>;

/// f at each of x.
inline Series lab_curve(const std::string& name, const Numbers& x, const std::function<double(double)>& f) {
  Series s{.name = name, .x = x, .y = {}};
  for (const double v : x) s.y.push_back(f(v));
  return s;
}
/// n values from `from` to `to`, evenly, or a factor apart.
inline Numbers evenly(double from, double to, int n) {
  Numbers x;
  for (int i = 0; i < n; ++i) x.push_back(from + (to - from) * i / (n - 1));
  return x;
}
inline Numbers by_factors(double from, double to, int n) {
  Numbers x = evenly(std::log(from), std::log(to), n);
  for (double& v : x) v = std::exp(v);
  return x;
}

// Those of labs 7 to 12.
std::string polynomial_picture();
std::string eigenvalue_picture();
std::string temperature_picture();
std::string explained_picture();
std::string cosine_picture();
std::string looks_picture();

}  // namespace gradus
