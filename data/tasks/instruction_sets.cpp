#include "data/tasks/instruction_sets.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"

namespace gradus {
namespace {

// How often each word occurs. Bytes beyond ASCII belong to words, so that other scripts are not cut.
std::map<std::string, double> word_counts(std::string_view text, const std::vector<std::string>& stop_words) {
  std::map<std::string, double> counts;
  std::string word;
  int64 characters = 0;
  const auto finish = [&] {
    if (characters >= 2 && std::find(stop_words.begin(), stop_words.end(), word) == stop_words.end())
      ++counts[word];
    word.clear();
    characters = 0;
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
    if (!(digit || upper || lower || c == '_' || byte >= 128)) {
      finish();
      continue;
    }
    word += upper ? static_cast<char>(c - 'A' + 'a') : c;
    characters += (byte & 0xC0) != 0x80;  // continuation bytes are no characters
  }
  finish();
  return counts;
}

std::vector<std::string> distinct(const std::vector<std::string>& all) {
  std::vector<std::string> once;
  for (const std::string& s : all)
    if (std::find(once.begin(), once.end(), s) == once.end()) once.push_back(s);
  return once;
}

}  // namespace

double tfidf_cosine(std::string_view a, std::string_view b, const std::vector<std::string>& stop_words) {
  const std::map<std::string, double> in_a = word_counts(a, stop_words), in_b = word_counts(b, stop_words);
  const double alone = std::log(3.0 / 2) + 1, shared = 1;  // idf of a word in one text, in both
  double aa = 0, bb = 0, ab = 0;
  for (const auto& [word, count] : in_a) {
    const auto other = in_b.find(word);
    const double idf = other == in_b.end() ? alone : shared;
    aa += count * count * idf * idf;
    if (other != in_b.end()) ab += count * other->second * idf * idf;
  }
  for (const auto& [word, count] : in_b) {
    const double idf = in_a.contains(word) ? shared : alone;
    bb += count * count * idf * idf;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

InstructionSets::InstructionSets(double threshold, std::vector<std::string> stop_words)
    : threshold_(threshold), stop_words_(std::move(stop_words)) {}

InstructionSets::Choice InstructionSets::best(const std::vector<std::string>& instructions) const {
  if (instructions.empty()) fail<UsageError>("instruction sets: a task without an instruction");
  Choice choice;
  for (size_t k = 0; k < sets_.size(); ++k) {
    double total = 0;
    for (const std::string& own : instructions)
      for (const std::string& stored : sets_[k]) total += tfidf_cosine(own, stored, stop_words_);
    const double similarity = total / static_cast<double>(instructions.size() * sets_[k].size());
    if (k == 0 || similarity > choice.similarity) choice = {static_cast<int64>(k), similarity};
  }
  return choice;
}

InstructionSets::Choice InstructionSets::add_task(const std::vector<std::string>& instructions) {
  const std::vector<std::string> own = distinct(instructions);
  Choice choice = best(own);
  if (sets_.empty() || choice.similarity < threshold_) {
    choice.set = size();
    sets_.push_back(own);
    return choice;
  }
  std::vector<std::string>& stored = sets_[static_cast<size_t>(choice.set)];
  stored.insert(stored.end(), own.begin(), own.end());
  stored = distinct(stored);
  return choice;
}

int64 InstructionSets::find(const std::vector<std::string>& instructions) const {
  if (sets_.empty()) fail<UsageError>("instruction sets: there is none yet");
  const Choice choice = best(distinct(instructions));
  return choice.similarity < threshold_ ? size() - 1 : choice.set;
}

}  // namespace gradus
