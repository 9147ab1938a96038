// Forward mode: a number with its derivative along one direction. T may itself be a dual number: derivatives of derivatives.
#pragma once

#include <cmath>
#include <vector>

#include "lab.h"

template <class T>
struct Dual {
  T value, slope;
  Dual(T v = T(0), T s = T(0)) : value(v), slope(s) {}
};
template <class T>
Dual<T> operator+(const Dual<T>& a, const Dual<T>& b) {
  return {a.value + b.value, a.slope + b.slope};
}
template <class T>
Dual<T> operator-(const Dual<T>& a, const Dual<T>& b) {
  return {a.value - b.value, a.slope - b.slope};
}

// ---- Part 1. Within these, call exp, log, ... unqualified on `value`: it may be a dual number.
using std::cos;
using std::exp;
using std::log;
using std::sin;
using std::tanh;

template <class T>
Dual<T> operator*(const Dual<T>& a, const Dual<T>& b) {
  // BEGIN SOLUTION 1.1
  return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  // END SOLUTION
}
template <class T>
Dual<T> operator/(const Dual<T>& a, const Dual<T>& b) {
  // BEGIN SOLUTION 1.2
  const T q = a.value / b.value;
  return {q, (a.slope - q * b.slope) / b.value};
  // END SOLUTION
}
template <class T>
Dual<T> exp(const Dual<T>& a) {
  // BEGIN SOLUTION 1.3
  const T y = exp(a.value);
  return {y, y * a.slope};
  // END SOLUTION
}
template <class T>
Dual<T> log(const Dual<T>& a) {
  // BEGIN SOLUTION 1.4
  return {log(a.value), a.slope / a.value};
  // END SOLUTION
}
template <class T>
Dual<T> tanh(const Dual<T>& a) {
  // BEGIN SOLUTION 1.5
  const T y = tanh(a.value);
  return {y, (T(1) - y * y) * a.slope};
  // END SOLUTION
}

// ---- Part 2. f is a generic function of a vector: f(std::vector<T>) gives a T, for T double or dual.

// J v: the derivative of f at x along v.
template <class F>
double jvp(const F& f, const std::vector<double>& x, const std::vector<double>& v) {
  // BEGIN SOLUTION 2.1
  std::vector<Dual<double>> in;
  for (size_t i = 0; i < x.size(); ++i) in.emplace_back(x[i], v[i]);
  return f(in).slope;
  // END SOLUTION
}

// The gradient, a forward pass for each coordinate.
template <class F>
std::vector<double> forward_gradient(const F& f, const std::vector<double>& x) {
  // BEGIN SOLUTION 2.2
  std::vector<double> g;
  for (size_t i = 0; i < x.size(); ++i) {
    std::vector<double> e(x.size(), 0);
    e[i] = 1;
    g.push_back(jvp(f, x, e));
  }
  return g;
  // END SOLUTION
}

// u' H v, H the second derivatives of f at x: dual numbers of dual numbers.
template <class F>
double second_derivative(const F& f, const std::vector<double>& x, const std::vector<double>& u,
                         const std::vector<double>& v) {
  // BEGIN SOLUTION 2.3
  std::vector<Dual<Dual<double>>> in;
  for (size_t i = 0; i < x.size(); ++i) in.emplace_back(Dual<double>(x[i], v[i]), Dual<double>(u[i], 0));
  return f(in).slope.slope;
  // END SOLUTION
}
