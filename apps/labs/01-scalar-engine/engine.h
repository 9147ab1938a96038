// A tape of scalars and reverse-mode differentiation.
//
// Every operation appends a node to the tape: its value, and an edge to each operand with the slope of the result in that
// operand. Nodes therefore stand after all nodes they depend on, and one walk backwards over the tape gives all derivatives.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lab.h"

struct Edge {
  size_t parent;  // the operand's place on the tape
  double slope;   // d(result) / d(operand), at the values they have
};

struct Node {
  double value;
  double grad = 0;  // d(output) / d(this), after backward()
  std::vector<Edge> edges = {};
};

struct Tape {
  std::vector<Node> nodes;
};

// A number on a tape.
class Value {
 public:
  Value(Tape& tape, double value, std::vector<Edge> edges = {}) : tape_(&tape), at_(tape.nodes.size()) {
    tape.nodes.push_back({value, 0, std::move(edges)});
  }
  double value() const { return tape_->nodes[at_].value; }
  double grad() const { return tape_->nodes[at_].grad; }
  size_t at() const { return at_; }
  Tape& tape() const { return *tape_; }

 private:
  Tape* tape_;
  size_t at_;
};

// ---- Part 1: operations. Each returns a new Value whose edges hold the slopes. As a model:
inline Value add_constant(const Value& a, double c) {
  return Value(a.tape(), a.value() + c, {{a.at(), 1}});  // d(a + c)/da = 1
}

// a + b
inline Value operator+(const Value& a, const Value& b) {
  // BEGIN SOLUTION 1.1
  return Value(a.tape(), a.value() + b.value(), {{a.at(), 1}, {b.at(), 1}});
  // END SOLUTION
}

// a - b
inline Value operator-(const Value& a, const Value& b) {
  // BEGIN SOLUTION 1.2
  return Value(a.tape(), a.value() - b.value(), {{a.at(), 1}, {b.at(), -1}});
  // END SOLUTION
}

// a * b
inline Value operator*(const Value& a, const Value& b) {
  // BEGIN SOLUTION 1.3
  return Value(a.tape(), a.value() * b.value(), {{a.at(), b.value()}, {b.at(), a.value()}});
  // END SOLUTION
}

// a / b
inline Value operator/(const Value& a, const Value& b) {
  // BEGIN SOLUTION 1.4
  const double q = a.value() / b.value();
  return Value(a.tape(), q, {{a.at(), 1 / b.value()}, {b.at(), -q / b.value()}});
  // END SOLUTION
}

// a to the constant power c; a > 0, or c a whole number >= 1
inline Value power(const Value& a, double c) {
  // BEGIN SOLUTION 1.5
  return Value(a.tape(), std::pow(a.value(), c), {{a.at(), c * std::pow(a.value(), c - 1)}});
  // END SOLUTION
}

inline Value exp(const Value& a) {
  // BEGIN SOLUTION 1.6
  const double y = std::exp(a.value());
  return Value(a.tape(), y, {{a.at(), y}});
  // END SOLUTION
}

// natural logarithm; a > 0
inline Value log(const Value& a) {
  // BEGIN SOLUTION 1.7
  return Value(a.tape(), std::log(a.value()), {{a.at(), 1 / a.value()}});
  // END SOLUTION
}

inline Value tanh(const Value& a) {
  // BEGIN SOLUTION 1.8
  const double y = std::tanh(a.value());
  return Value(a.tape(), y, {{a.at(), 1 - y * y}});
  // END SOLUTION
}

// max(a, 0), whose slope at 0 is taken to be 0
inline Value relu(const Value& a) {
  // BEGIN SOLUTION 1.9
  return Value(a.tape(), a.value() > 0 ? a.value() : 0, {{a.at(), a.value() > 0 ? 1.0 : 0.0}});
  // END SOLUTION
}

// ---- Part 2: the walk.

// Sets the grad of every node to 0.
inline void zero_grad(Tape& tape) {
  // BEGIN SOLUTION 2.1
  for (Node& node : tape.nodes) node.grad = 0;
  // END SOLUTION
}

// Adds to every node's grad the derivative of `output` in it: the chain rule, once over the tape, from `output` backwards.
inline void backward(const Value& output) {
  // BEGIN SOLUTION 2.2
  std::vector<Node>& nodes = output.tape().nodes;
  std::vector<double> adjoint(output.at() + 1, 0);
  adjoint[output.at()] = 1;
  for (size_t i = output.at() + 1; i-- > 0;) {
    for (const Edge& e : nodes[i].edges) adjoint[e.parent] += adjoint[i] * e.slope;
    nodes[i].grad += adjoint[i];
  }
  // END SOLUTION
}
