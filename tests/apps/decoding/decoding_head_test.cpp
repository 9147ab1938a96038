// Learned decoding heads: files, what a sample does with one, the training's pairs, and the command around them.
#include "apps/decoding/decoding_head.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/decoding/text_reward.h"
#include "apps/train/checkpoint.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "nn/generate.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/apps/in_process.h"
#include "tests/settles.h"

using namespace gradus;
using gradus::tests::run;

namespace gradus::decoding_head_tests {

struct TinyText {
  TempDir dir;
  DatasetInfo info;
  std::unique_ptr<Model> model;
  std::string weights = dir / "letters.safetensors";
  explicit TinyText(const char* spec = "gpt:block=12,dim=8,layers=1,heads=2") {
    info.name = "letters";
    info.kind = DataKind::kText;
    info.vocabulary = {"\n", "a", "b", "c"};
    info.classes = 4;
    info.example = {12};
    model = make_model(spec, data_shape(info), Rng(3));
    save_weights(weights, *model, info);
  }
  TokenModel& net() const { return dynamic_cast<TokenModel&>(*model); }
};

// A head that always takes choice k of (0, 0.5, 2).
TemperatureHead constant_head(TokenModel& model, int64 k, const std::string& level = "sequence") {
  TemperatureHead head = fresh_head(model, {0, 0.5, 2}, level, 0, Rng(1));
  head.head->find_slot("out.bias").parameter()->value.detach().mutable_data()[k] = 40;
  return head;
}

std::vector<int64> sampled(TokenModel& model, const SampleOptions& how, int64 count = 12) {
  std::vector<int64> out;
  Rng rng(7);
  const std::vector<int64> prompt{1, 2};
  generate(model, prompt, count, how, rng, [&](int64 id) {
    out.push_back(id);
    return true;
  });
  return out;
}

TEST_CASE("decoding head: a file gives the same head back; what does not fit is named") {
  const TinyText text;
  const std::string path = text.dir / "head.safetensors";
  TemperatureHead head = constant_head(text.net(), 1, "token");
  head.rounds = 2;
  head.settings = "{}";
  write_decoding_head(path, head);
  const TemperatureHead back = read_decoding_head(path);
  CHECK(back.level == "token");
  CHECK(back.rounds == 2);
  CHECK(back.temperatures.values() == head.temperatures.values());
  for (size_t i = 0; i < state_dict(*head.head).size(); ++i)
    CHECK(state_dict(*back.head)[i].second.values() == state_dict(*head.head)[i].second.values());
  CHECK_THROWS_AS(back.choices(Tensor::zeros({1, 9})), DataError);
  const auto refused = [&](const std::string& name, const Tensor& value, const std::string& part) {
    TensorFile file = read_safetensors(path);
    for (auto& [n, t] : file.tensors)
      if (n == name) t = value;
    const std::string other = text.dir / "bad.safetensors";
    write_safetensors(other, file);
    try {
      read_decoding_head(other);
    } catch (const DataError& e) {
      INFO(e.what());
      CHECK(std::string(e.what()).find("bad.safetensors") != std::string::npos);
      CHECK(std::string(e.what()).find(part) != std::string::npos);
      return;
    }
    FAIL("was taken");
  };
  refused("temperatures", Tensor::from({3}, {0, -1, 1}), "-1");
  refused("temperatures", Tensor::from({2}, {0, 1}), "2 temperatures for a head that chooses among 3");
  refused("fc2.weight", Tensor::zeros({2, 2}), "fc2.weight");
  refused("out.bias", Tensor::full({3}, real(NAN)), "not finite");
  CHECK_THROWS_AS(read_decoding_head(text.weights), DataError);
}

TEST_CASE("decoding head: a head of one choice samples as that temperature does, cached or not") {
  for (const char* spec : {"gpt:block=12,dim=8,layers=1,heads=2", "char-lstm:block=12,dim=6,hidden=8"}) {
    CAPTURE(spec);
    const TinyText text(spec);
    for (const char* level : {"sequence", "token"})
      for (const int64 k : {0, 1, 2})
        for (const bool cache : {true, false}) {
          const TemperatureHead head = constant_head(text.net(), k, level);
          TemperatureChooser chooser(text.net(), head);
          SampleOptions how{.decode = {.cache = cache}};
          how.temperature_at = [&](int64 i) { return chooser.next(i); };
          const std::vector<int64> by_head = sampled(text.net(), how);
          CHECK(chooser.chosen() ==
                std::vector<double>(12, std::vector<double>{0, 0.5, 2}[static_cast<size_t>(k)]));
          CHECK(by_head ==
                sampled(text.net(), {.temperature = chooser.chosen()[0], .decode = {.cache = cache}}));
        }
  }
}

TEST_CASE(
    "decoding head: at token level it reads each token's hidden state, at sequence level the prompt's") {
  const TinyText text;
  TemperatureHead head = fresh_head(text.net(), {0, 0.5, 2}, "token", 0, Rng(1));
  Tensor out = head.head->find_slot("out.weight").parameter()->value.detach();
  out.copy_from(Rng(2).normal_tensor(out.shape(), 0, 20));
  TemperatureChooser chooser(text.net(), head);
  SampleOptions how;
  how.temperature_at = [&](int64 i) { return chooser.next(i); };
  const std::vector<int64> tokens = sampled(text.net(), how, 8);
  // The same choices by reading the text so far in one go.
  std::vector<int64> read{1, 2};
  for (size_t t = 0; t < tokens.size(); ++t) {
    const LastHidden last(text.net());
    text.net().decoder(1)->feed(IntTensor::from({1, std::ssize(read)}, read));
    CHECK(chooser.chosen()[t] == head.temperature(head.choices(last.states())[0]));
    read.push_back(tokens[t]);
  }
}

TEST_CASE("decoding head: rewards by hand") {
  const TinyText text;
  text.dir.write("p.jsonl", "{\"prompt\": \"a\", \"answer\": \"bc\"}\n\n{\"prompt\": \"ab\"}\n");
  const auto prompts = read_rewarded_prompts(text.dir / "p.jsonl", text.info.vocabulary, "\n");
  REQUIRE(prompts.size() == 2);
  CHECK(prompts[0].answer == std::vector<int64>{2, 3, 0});
  CHECK(prompts[0].prompt.stop == 0);
  CHECK(prompts[1].prompt.stop == -1);
  CHECK(response_reward(prompts[0], {.tokens = {2, 3, 0}}, 1) == 1);
  CHECK(response_reward(prompts[0], {.tokens = {2, 3}}, 1) == 0);
  // Pairs 12, 21, 12, 22: three of four are distinct; 0.3*(2 - 1.5) is taken off.
  const HeadSample repeated{.tokens = {1, 2, 1, 2, 2}, .choices = {}, .hidden = {}, .loss = 2};
  CHECK(response_reward(prompts[1], repeated, 1.5) == doctest::Approx(0.75 - 0.15));
  CHECK(response_reward(prompts[1], repeated, 3) == doctest::Approx(0.75));
  const auto refused = [&](const char* line, const std::string& part) {
    text.dir.write("bad.jsonl", line);
    try {
      read_rewarded_prompts(text.dir / "bad.jsonl", text.info.vocabulary, "\n");
    } catch (const DataError& e) {
      INFO(e.what());
      CHECK(std::string(e.what()).find(part) != std::string::npos);
      return;
    }
    FAIL("was taken");
  };
  refused("{\"prompt\": \"a\"}\n{\"prompt\": \"xyz\"}\n", "bad.jsonl, line 2");
  refused("{\"promt\": \"a\"}\n", "did you mean 'prompt'");
  refused("{\"prompt\": \"\"}\n", "the prompt is empty");
  refused("\n", "holds no prompts");
}

TEST_CASE(
    "decoding head: samples end at the stop token, are the same for the same key, and temperature 0 is "
    "greedy") {
  const TinyText text;
  const TemperatureHead greedy = constant_head(text.net(), 0);
  const HeadPrompt prompt{{1, 2}, -1};
  const auto all = head_samples(text.net(), greedy, prompt, 4, 10, 0, Rng(3));
  const std::vector<int64> one = sampled(text.net(), {.temperature = 0}, 10);
  for (const HeadSample& s : all) {
    CHECK(s.tokens == one);
    CHECK(s.choices.size() == 1);
  }
  const TemperatureHead hot = constant_head(text.net(), 2, "token");
  const HeadPrompt stops{{1, 2}, 0};
  const auto first = head_samples(text.net(), hot, stops, 16, 10, 0.5, Rng(3)),
             second = head_samples(text.net(), hot, stops, 16, 10, 0.5, Rng(3));
  bool stopped = false;
  for (size_t n = 0; n < first.size(); ++n) {
    const HeadSample& s = first[n];
    CHECK(s.tokens == second[n].tokens);
    CHECK(s.choices == second[n].choices);
    CHECK(s.choices.size() == s.tokens.size());
    CHECK(s.hidden.size() == s.tokens.size());
    for (size_t t = 0; t + 1 < s.tokens.size(); ++t) CHECK(s.tokens[t] != 0);
    stopped = stopped || (s.tokens.back() == 0 && s.tokens.size() < 10);
  }
  CHECK(stopped);
}

TEST_CASE("decoding head: a round moves the head towards the temperature of the better responses") {
  const TinyText text;
  TemperatureHead head = fresh_head(text.net(), {0, 0.5, 2}, "sequence", 0, Rng(1));
  std::vector<HeadPrompt> prompts;
  for (const std::vector<int64>& p : {std::vector<int64>{1}, {2}, {3}, {1, 2}, {2, 3}})
    prompts.push_back({p, -1});
  // The reward is the temperature itself: 2 is always better.
  const auto reward = [](size_t, const HeadSample& s) { return static_cast<double>(s.choices[0]); };
  HeadTrainingOptions options;
  options.samples = 16, options.length = 3, options.steps = 0;
  const HeadRound before = train_head_round(text.net(), head, prompts, reward, options, Rng(5));
  CHECK(before.pairs == 5);
  CHECK(before.loss == doctest::Approx(std::log(2.0)));  // against itself
  options.steps = 80;
  options.lr = 0.01;
  CHECK(train_head_round(text.net(), head, prompts, reward, options, Rng(5)).loss < std::log(2.0));
  for (const HeadPrompt& p : prompts) {
    const LastHidden last(text.net());
    text.net().decoder(1)->feed(IntTensor::from({1, std::ssize(p.tokens)}, p.tokens));
    CHECK(head.choices(last.states())[0] == 2);
  }
  // Equal rewards make no pair, and leave the head alone.
  const std::vector<real> bias = head.head->find_slot("out.bias").parameter()->value.values();
  const HeadRound none = train_head_round(
      text.net(), head, prompts, [](size_t, const HeadSample&) { return 1.0; }, options, Rng(5));
  CHECK(none.pairs == 0);
  CHECK(head.head->find_slot("out.bias").parameter()->value.values() == bias);
  CHECK_THROWS_AS(
      train_head_round(
          text.net(), head, prompts, [](size_t, const HeadSample&) { return NAN; }, options, Rng(5)),
      NumericError);
}

TEST_CASE(
    "decoding head: sampling with a head, and rounds of training, take no memory from the system once warm") {
  const TinyText text;
  const TemperatureHead token = constant_head(text.net(), 1, "token");
  CHECK(tests::settles([&] {
    TemperatureChooser chooser(text.net(), token);
    SampleOptions how;
    how.temperature_at = [&](int64 i) { return chooser.next(i); };
    sampled(text.net(), how);
  }));
  TemperatureHead head = fresh_head(text.net(), {0, 0.5, 2}, "token", 0, Rng(1));
  HeadTrainingOptions options;
  options.samples = 4, options.length = 5, options.steps = 3;
  CHECK(tests::settles([&] {
    train_head_round(
        text.net(), head, {{{1}, -1}, {{2, 3}, -1}},
        [](size_t, const HeadSample& s) { return static_cast<double>(s.choices[0]); }, options, Rng(5));
  }));
}

TEST_CASE("decoding-head and sample --decoding-head: trained, gone on with bit for bit, used, refused") {
  const TinyText text;
  text.dir.write("p.jsonl",
                 "{\"prompt\": \"a\", \"answer\": \"b\"}\n{\"prompt\": \"ab\"}\n{\"prompt\": \"bc\"}\n");
  const auto line = [&](const std::string& out, const std::string& rounds) {
    return std::vector<std::string>{"decoding-head",  text.weights,
                                    "--prompts",      text.dir / "p.jsonl",
                                    "--out",          text.dir / out,
                                    "--rounds",       rounds,
                                    "--samples",      "4",
                                    "--length",       "6",
                                    "--steps",        "5",
                                    "--temperatures", "0-0.5-1.5",
                                    "--json",         "--quiet"};
  };
  const nlohmann::json result = nlohmann::json::parse(run(line("whole.safetensors", "3")).text);
  CHECK(result["prompts"] == 3);
  CHECK(result["rounds"].size() == 3);
  CHECK(result["answer_temperature"].is_number());
  CHECK(run(line("cut.safetensors", "1")).code == kOk);
  CHECK(run({"decoding-head", "--resume", text.dir / "cut.safetensors", "--rounds", "3", "--quiet"}).code ==
        kOk);
  const TemperatureHead whole = read_decoding_head(text.dir / "whole.safetensors"),
                        cut = read_decoding_head(text.dir / "cut.safetensors");
  CHECK(cut.rounds == 3);
  for (size_t i = 0; i < state_dict(*whole.head).size(); ++i)
    CHECK(state_dict(*whole.head)[i].second.values() == state_dict(*cut.head)[i].second.values());

  const nlohmann::json sample =
      nlohmann::json::parse(run({"sample", text.weights, "--prompt", "ab", "--length", "9", "--decoding-head",
                                 text.dir / "whole.safetensors", "--json"})
                                .text);
  REQUIRE(sample["temperatures"].size() == 9);
  const double tau = sample["temperatures"][0];
  CHECK((tau == 0 || tau == 0.5 || tau == 1.5));
  CHECK(nlohmann::json::parse(run({"sample", text.weights, "--prompt", "ab", "--length", "9", "--temperature",
                                   fmt::format("{}", tau), "--json"})
                                  .text)["text"] == sample["text"]);

  const nlohmann::json both =
      nlohmann::json::parse(run({"sample", text.weights, "--prompt", "ab", "--length", "9", "--count", "2",
                                 "--decoding-head", text.dir / "whole.safetensors", "--json"})
                                .text);
  REQUIRE(both["temperatures"].size() == 2);
  CHECK(both["temperatures"][0] == sample["temperatures"]);
  CHECK(both["temperatures"][1].size() == 9);
  CHECK(both["texts"][0] == sample["text"]);

  CHECK_THROWS_AS(
      run({"sample", text.weights, "--decoding-head", text.dir / "whole.safetensors", "--temperature", "1"}),
      UsageError);
  CHECK_THROWS_AS(run({"sample", text.weights, "--decoding-head", text.weights}), DataError);
  CHECK_THROWS_AS(run({"decoding-head", text.weights}), UsageError);
  CHECK_THROWS_AS(run({"decoding-head", "--resume", text.dir / "cut.safetensors", "--lr", "1"}), UsageError);
  CHECK_THROWS_AS(run({"decoding-head", "--resume", text.dir / "cut.safetensors", "--rounds", "1"}),
                  UsageError);
  CHECK_THROWS_AS(
      run({"decoding-head", text.weights, "--prompts", text.dir / "p.jsonl", "--temperatures", "0-x"}),
      UsageError);
}

}  // namespace gradus::decoding_head_tests
