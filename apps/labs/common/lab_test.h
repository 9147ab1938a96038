// Tests with points.
//
//   LAB_TEST("1.2", 4, "tanh: its slope is 1 - tanh^2") {
//     hint("the slope is taken at the value that came out");
//     expect_near(slope_of_tanh(0.5), 0.7864477, "x = 0.5", 1e-6);
//   }
//   LAB_MAIN
//
// The program runs all tests, or those of the parts it is given ("./tests 1.2"). The grader runs each in a process of its own:
// "--list" says which there are, "--run I --report FILE" runs one and writes what came of it.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "lab.h"

namespace lab {

struct Test {
  const char* part;
  int points;
  const char* name;
  void (*run)();
};
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
struct AddTest {
  AddTest(const char* part, int points, const char* name, void (*run)()) {
    tests().push_back({part, points, name, run});
  }
};

/// Ends a test: what was expected, what came, on which input.
struct Failure {
  std::string text;
};

inline std::string& hint_text() {
  static std::string text;
  return text;
}
/// What is shown beside a failure of what follows.
inline void hint(const std::string& text) { hint_text() = text; }

inline std::string show(double x) {
  if (std::isnan(x)) return "nan";  // (printf may give it a sign)
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", x);
  return text;
}
inline std::string show(int x) { return std::to_string(x); }
inline std::string show(long x) { return std::to_string(x); }
inline std::string show(unsigned long x) { return std::to_string(x); }
inline std::string show(bool x) { return x ? "true" : "false"; }
inline std::string show(const std::string& x) { return "\"" + x + "\""; }
template <class T>
std::string show(const std::vector<T>& x) {
  std::string text = "(";
  for (size_t i = 0; i < x.size() && i < 12; ++i) text += (i ? ", " : "") + show(T(x[i]));
  return text + (x.size() > 12 ? ", ...)" : ")");
}

[[noreturn]] inline void fail(const std::string& want, const std::string& got, const std::string& input) {
  throw Failure{"expected " + want + "\n     got " + got + "\n      on " + input};
}
inline void expect(bool holds, const std::string& what, const std::string& input) {
  if (!holds) fail(what, "that it does not hold", input);
}
template <class A, class B>
void expect_equal(const A& got, const B& want, const std::string& input) {
  if (!(got == want)) fail(show(want), show(got), input);
}
/// |got - want| <= tolerance * max(1, |want|); never for NaN.
inline bool near(double got, double want, double tolerance) {
  return std::fabs(got - want) <= tolerance * std::fmax(1, std::fabs(want));
}
inline void expect_near(double got, double want, const std::string& input, double tolerance = 1e-9) {
  if (!near(got, want, tolerance)) fail(show(want), show(got), input);
}
inline void expect_near(const std::vector<double>& got, const std::vector<double>& want,
                        const std::string& input, double tolerance = 1e-9) {
  if (got.size() != want.size())
    fail(std::to_string(want.size()) + " numbers " + show(want),
         std::to_string(got.size()) + " numbers " + show(got), input);
  for (size_t i = 0; i < got.size(); ++i)
    if (!near(got[i], want[i], tolerance))
      fail(show(want[i]) + " at place " + std::to_string(i) + " of " + show(want),
           show(got[i]) + " there, in all " + show(got), input);
}
/// `call` must refuse its input by an exception (not by one of an unwritten part).
template <class Call>
void expect_throws(const Call& call, const std::string& input) {
  try {
    call();
  } catch (const NotWritten&) {
    throw;
  } catch (const std::exception&) {
    return;
  }
  fail("an exception", "none", input);
}
/// Central difference of f in coordinate i of x.
template <class F>
double difference(const F& f, std::vector<double> x, size_t i, double h = 1e-5) {
  const double at = x[i];
  x[i] = at + h;
  const double up = f(x);
  x[i] = at - h;
  return (up - f(x)) / (2 * h);
}
/// Numbers between -1 and 1 that are the same everywhere.
class Numbers {
 public:
  explicit Numbers(unsigned seed) : state_(seed * 2654435761u + 12345u) {}
  double next() {
    state_ = state_ * 1664525u + 1013904223u;
    return double(state_ >> 8) / double(1u << 23) - 1;
  }
  std::vector<double> take(size_t n) {
    std::vector<double> x(n);
    for (double& v : x) v = next();
    return x;
  }

 private:
  unsigned state_;
};

/// "passed", "failed" or "not written", and what is to be said about it.
struct Result {
  std::string status, text;
};
inline Result run_test(const Test& test) {
  hint_text().clear();
  const auto with_hint = [](const std::string& text) {
    return text + (hint_text().empty() ? "" : "\n    hint " + hint_text());
  };
  try {
    test.run();
    return {"passed", ""};
  } catch (const Failure& f) {
    return {"failed", with_hint(f.text)};
  } catch (const NotWritten& e) {
    return {"not written", e.what()};
  } catch (const std::exception& e) {
    return {"failed", with_hint(std::string("an exception: ") + e.what())};
  } catch (...) {
    return {"failed", with_hint("an exception that is none of std::exception")};
  }
}
/// Part 3 has parts 3.1 and 3.12; part 3.1 is not part of 3.12.
inline bool belongs(const std::string& part, const std::string& to) {
  return part == to || part.compare(0, to.size() + 1, to + ".") == 0;
}
inline int run_tests(int argc, char** argv) {
  if (argc > 1 && !std::strcmp(argv[1], "--list")) {
    for (const Test& t : tests()) std::printf("%s\t%d\t%s\n", t.part, t.points, t.name);
    return 0;
  }
  if (argc == 5 && !std::strcmp(argv[1], "--run") && !std::strcmp(argv[3], "--report")) {
    const Result result = run_test(tests().at(size_t(std::atoi(argv[2]))));
    std::FILE* file = std::fopen(argv[4], "w");
    if (!file) return 2;
    std::fprintf(file, "%s\n%s", result.status.c_str(), result.text.c_str());
    return std::fclose(file) ? 2 : 0;
  }
  int points = 0, all = 0;
  for (const Test& t : tests()) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; ++i) wanted = wanted || belongs(t.part, argv[i]);
    if (!wanted) continue;
    std::fprintf(stderr, "%-5s %s ... ", t.part, t.name);
    const Result result = run_test(t);
    std::fprintf(stderr, "%s\n%s%s", result.status.c_str(), result.text.c_str(),
                 result.text.empty() ? "" : "\n");
    all += t.points;
    if (result.status == "passed") points += t.points;
  }
  std::printf("%d of %d points\n", points, all);
  return points == all ? 0 : 1;
}

}  // namespace lab

#define LAB_JOIN_(a, b) a##b
#define LAB_JOIN(a, b) LAB_JOIN_(a, b)
#define LAB_TEST(part, points, name)                                                                         \
  static void LAB_JOIN(lab_test_, __LINE__)();                                                               \
  static const lab::AddTest LAB_JOIN(lab_add_, __LINE__)(part, points, name, LAB_JOIN(lab_test_, __LINE__)); \
  static void LAB_JOIN(lab_test_, __LINE__)()
#define LAB_MAIN \
  int main(int argc, char** argv) { return lab::run_tests(argc, argv); }
