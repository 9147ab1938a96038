// gradus train: what it refuses before it begins, and runs that go on, stop early or are used from elsewhere.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/train/trainer.h"
#include "core/error.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

Words digits_line(const Words& more) {
  Words line = {"train",
                "--data",
                "digits:train=64,test=32",
                "--model",
                "mlp:hidden=8",
                "--steps",
                "2",
                "--batch-size",
                "16",
                "--threads",
                "1",
                "--quiet"};
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

bool says(const Words& line, const Words& parts) {
  const std::string what = complaint(line);
  CAPTURE(what);
  bool all = true;
  for (const std::string& part : parts)
    if (what.find(part) == std::string::npos) {
      MESSAGE("lacks: ", part, " in: ", what);
      all = false;
    }
  return all;
}

// While alive, the working directory is another.
class Elsewhere {
 public:
  explicit Elsewhere(const std::string& folder) : before_(fs::current_path()) {
    fs::create_directories(folder);
    fs::current_path(folder);
  }
  ~Elsewhere() { fs::current_path(before_); }

 private:
  fs::path before_;
};

std::string yes_no_table(int rows) {
  std::string text = "a,b,label\n";
  for (int i = 0; i < rows; ++i) text += fmt::format("{},{},{}\n", i % 7, i % 5, i % 2 ? "yes" : "no");
  return text;
}

nlohmann::json json_of(const Words& line) { return nlohmann::json::parse(run(line).text); }

}  // namespace

TEST_CASE("train: a start that fails leaves nothing that blocks the corrected command") {
  const TempDir dir;
  const std::string out = dir / "run";
  CHECK(says(digits_line({"--out", out, "--model", "unet"}), {"--model", "unet", "denoising"}));
  CHECK(says(digits_line({"--out", out, "--freeze", "*"}), {"--freeze *", "no parameter is left to train"}));
  CHECK(
      says(digits_line({"--out", out, "--freeze", "fc1.*", "--freeze", "fc2.*"}), {"no parameter is left"}));
  CHECK(says(digits_line({"--out", out, "--group", "nosuch*:lr=1"}),
             {"--group", "'nosuch*'", "fc1.weight (weight)"}));
  CHECK(says(digits_line({"--out", out, "--group", "kind=norm:lr=1"}),
             {"--group", "no parameter is of kind norm"}));
  CHECK(says(digits_line({"--out", out, "--optim", "egn", "--accumulate", "2"}), {"egn", "Jacobians"}));
  // Samples of a batch influence each other in batch norm: seen at the first step.
  CHECK(says(digits_line({"--out", out, "--optim", "egn", "--model", "resnet8:width=2"}),
             {"egn", "cannot train this model"}));
  CHECK_FALSE(fs::exists(out));
  CHECK_THROWS_AS(run(digits_line({"--out", out, "--optim", "sgd:lr=1e30", "--tensorboard"})), NumericError);
  CHECK_FALSE(fs::exists(out));
  // What was there already stays.
  dir.write("run/notes.txt", "mine");
  CHECK_THROWS_AS(run(digits_line({"--out", out, "--optim", "sgd:lr=1e30"})), NumericError);
  CHECK(dir.read("run/notes.txt") == "mine");
  CHECK_FALSE(fs::exists(out + "/config.json"));
  CHECK(run(digits_line({"--out", out})).code == kOk);
  // With a checkpoint there is something to go on from.
  CHECK_THROWS_AS(run(digits_line({"--out", dir / "late", "--optim", "sgd:lr=1e18", "--save-every", "1",
                                   "--steps", "20"})),
                  NumericError);
  CHECK(fs::exists(dir / "late/checkpoint.safetensors"));
}

TEST_CASE(
    "train: a last batch of one example under batch norm is refused before training; --drop-last leaves it "
    "out") {
  const TempDir dir;
  const auto line = [&](const std::string& name, const Words& more) {
    Words words = {"train",   "--data",      "digits:train=33,test=8",
                   "--model", "vgg:width=2", "--epochs",
                   "1",       "--quiet",     "--threads",
                   "1",       "--json",      "--out",
                   dir / name};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  CHECK(says(line("a", {"--batch-size", "16"}),
             {"of 33 examples", "a last batch of one", "--drop-last", "batch"}));
  CHECK(says(line("a", {"--batch-size", "1"}), {"--batch-size 1", "one example at a time"}));
  CHECK_FALSE(fs::exists(dir / "a"));
  CHECK(json_of(line("b", {"--batch-size", "16", "--drop-last"})).at("steps") == 2);
  CHECK(json_of(line("c", {"--batch-size", "15"})).at("steps") == 3);  // 3 left: enough
  // Feature maps of more than a pixel have a variance.
  CHECK(json_of(line("d", {"--batch-size", "16", "--model", "resnet8:width=2"})).at("steps") == 3);
  CHECK(json_of(line("e", {"--batch-size", "16", "--model", "mlp:hidden=4", "--drop-last"})).at("steps") ==
        2);
  CHECK(says({"eval", dir / "b", "--train-mode", "--batch-size", "7"}, {"a batch of one example"}));
  CHECK(run({"eval", dir / "b", "--batch-size", "7"}).code == kOk);
}

TEST_CASE("train: complaints name the flag and what may have been meant; --print-config complains too") {
  for (const Words& more : {Words{}, Words{"--print-config"}}) {
    const auto with = [&](Words words) {
      words.insert(words.begin(), "train");
      words.insert(words.end(), more.begin(), more.end());
      return words;
    };
    CHECK(says(with({"--optim", "adam:lr"}), {"--optim: 'adam:lr': 'lr' is not of the form key=value"}));
    CHECK(
        says(with({"--optim", "adam:learning_rate=1"}), {"--optim", "'learning_rate'; did you mean 'lr'?"}));
    CHECK(says(with({"--optim", "sgd:wd=1"}), {"did you mean 'weight_decay'?"}));
    CHECK(says(with({"--optim", "clip-norm(admw)"}), {"--optim", "did you mean 'adamw'?", "nearest of"}));
    CHECK(says(with({"--optim", "adam:lr=-1"}), {"--optim", "lr = -1 is out of range"}));
    CHECK(says(with({"--optim", "muon", "--companion", "adm"}), {"--companion", "'adam'"}));
    CHECK(says(with({"--model", "mlp:hidden"}), {"--model: 'mlp:hidden'"}));
    CHECK(says(with({"--model", "mlp:hiden=3"}), {"--model", "did you mean 'hidden'?"}));
    CHECK(says(with({"--model", "unet"}), {"--model", "denoising"}));
    CHECK(says(with({"--data", "MNIST"}), {"--data", "did you mean 'mnist'?"}));
    CHECK(says(with({"--data", "digits:train=0"}), {"--data", "train = 0 is out of range"}));
    CHECK(says(with({"--data", "csv:file=x.csv"}), {"--data", "unknown option 'file'"}));
    CHECK(says(with({"--schedule", "cosine:warm=3"}), {"--schedule", "did you mean 'warmup'?"}));
    CHECK(says(with({"--augment", "flop"}), {"--augment", "'flip'"}));
    CHECK(says(with({"--group", "fc1.weight"}), {"--group", "PATTERN:key=value"}));
    CHECK(says(with({"--group", "*:bta1=0.5"}), {"--group", "did you mean 'beta1'?"}));
    CHECK(says(with({"--epochs", "1", "--steps", "2"}), {"exclude each other"}));
  }
  CHECK(run({"train", "--print-config", "--data", "csv:path=not-there-yet.csv"}).code == kOk);
}

TEST_CASE("unknown flags: the nearest few of many, and where an option of a part goes") {
  const std::string what = complaint({"train", "--epoch", "3"});
  CAPTURE(what);
  CHECK(what.find("did you mean '--epochs'?") != std::string::npos);
  CHECK(what.find("'gradus train --help' explains them") != std::string::npos);
  CHECK(what.size() < 200);
  CHECK(says({"train", "--lr", "0.1"},
             {"unknown option '--lr'; 'lr' is an option of the optimizer: --optim adam:lr="}));
  CHECK(says({"train", "--lr=0.1"}, {"--optim adam:lr="}));
  CHECK(says({"train", "--learning-rate", "0.1"}, {"--optim adam:lr="}));
  CHECK(says({"train", "--momentum", "0.9"}, {"--optim sgd:momentum="}));
  CHECK(says({"train", "--weight-decay", "1"}, {"--optim adam:weight_decay="}));
  CHECK(says({"train", "--warmup", "10"}, {"the schedule: --schedule"}));
  CHECK(says({"train", "--hidden", "10"}, {"the model: --model mlp:hidden="}));
  CHECK(says({"eval", "--lr", "3"}, {"gradus eval: unknown option '--lr'"}));
  CHECK(run({"train", "--help"}).text.find("Usage: gradus train [OPTIONS]") != std::string::npos);
  CHECK(run({"optim", "show", "--help"}).text.find("Usage: gradus optim show ") != std::string::npos);
  CHECK(run({"--help"}).text.find("Usage: gradus [OPTIONS]") != std::string::npos);
}

TEST_CASE("train --config: a length on the command line wins over the one in the file, in either unit") {
  const TempDir dir;
  dir.write("epochs.json", R"({"epochs": 3})");
  dir.write("both.json", R"({"epochs": 3, "steps": 4})");
  const auto config = [&](const std::string& file, const Words& more) {
    Words line = {"train", "--config", dir / file, "--print-config"};
    line.insert(line.end(), more.begin(), more.end());
    return json_of(line);
  };
  CHECK(config("epochs.json", {}).at("epochs") == 3);
  CHECK(config("epochs.json", {"--steps", "7"}).at("steps") == 7);
  CHECK(config("epochs.json", {"--steps", "7"}).at("epochs").is_null());
  CHECK(config("epochs.json", {"--epochs", "2"}).at("epochs") == 2);
  CHECK(config("both.json", {"--epochs", "2"}).at("steps").is_null());
  CHECK(says({"train", "--config", dir / "both.json"}, {"exclude each other"}));
}

TEST_CASE(
    "train --resume: a run can only become longer; one that stopped early goes on where that is asked for") {
  const TempDir dir;
  const std::string out = dir / "run";
  CHECK(run(digits_line({"--out", out, "--steps", "6"})).code == kOk);
  const std::string config = dir.read("run/config.json");
  CHECK(says({"train", "--resume", out, "--steps", "4", "--quiet"}, {"at step 6, beyond the 4 asked for"}));
  CHECK(dir.read("run/config.json") == config);
  CHECK(json_of({"train", "--resume", out, "--steps", "9", "--quiet", "--json"}).at("steps") == 9);

  // A step of nothing: no evaluation is better than the first.
  const std::string early = dir / "early";
  const Words stopping =
      digits_line({"--optim", "sgd:lr=1e-30", "--steps", "12", "--eval-every", "1", "--json"});
  const auto with = [](Words line, const Words& more) {
    line.insert(line.end(), more.begin(), more.end());
    return line;
  };
  auto result = json_of(with(stopping, {"--early-stop", "2", "--out", early}));
  CHECK(result.at("steps") == 3);
  CHECK(result.at("stopped_early") == true);
  result = json_of({"train", "--resume", early, "--quiet", "--json"});
  CHECK(result.at("steps") == 3);
  CHECK(result.at("stopped_early") == true);
  CHECK(run({"train", "--resume", early, "--quiet"}).text.find("stopped early") != std::string::npos);
  // More patience: what has been waited counts, as in a run that had it from the start.
  CHECK(json_of({"train", "--resume", early, "--early-stop", "5", "--quiet", "--json"}).at("steps") == 6);
  CHECK(json_of(with(stopping, {"--early-stop", "5", "--out", dir / "five"})).at("steps") == 6);
  CHECK(dir.read("early/model.safetensors") == dir.read("five/model.safetensors"));
  // A longer run has all its patience again.
  CHECK(json_of({"train", "--resume", early, "--steps", "20", "--quiet", "--json"}).at("steps") == 11);
  result = json_of({"train", "--resume", early, "--early-stop", "none", "--quiet", "--json"});
  CHECK(result.at("steps") == 20);
  CHECK(result.at("stopped_early") == false);
}

TEST_CASE("train with relative paths: eval, export and --resume work from another folder") {
  const TempDir dir;
  dir.write("here/table.csv", yes_no_table(60));
  dir.write("here/norms.txt", "1\n2\n1\n");
  const std::string out = dir / "here/run";
  {
    const Elsewhere here(dir / "here");
    CHECK(run({"train", "--model", "mlp:hidden=4", "--steps", "2", "--save", "start.safetensors", "--quiet",
               "--data", "csv:path=table.csv,target=label"})
              .code == kOk);
    CHECK(run({"train", "--data", "csv:path=table.csv,target=label", "--model", "mlp:hidden=4", "--steps",
               "4", "--init", "start.safetensors", "--save", "end.safetensors", "--schedule",
               "refined:norms=norms.txt", "--quiet", "--out", "run"})
              .code == kOk);
  }
  const Elsewhere there(dir / "there");
  dir.write("there/table.csv", "a,b,label\n1,2,other\n3,4,other\n");  // not to be taken for the other
  const auto score = json_of({"eval", out, "--json"});
  CHECK(score.at("examples") == 12);
  fs::remove(dir / "here/start.safetensors");  // the checkpoint does not need it
  fs::remove(dir / "here/end.safetensors");
  CHECK(run({"train", "--resume", out, "--steps", "6", "--quiet"}).code == kOk);
  CHECK(dir.read("here/end.safetensors") == dir.read("here/run/model.safetensors"));
  CHECK_FALSE(fs::exists(dir / "there/end.safetensors"));
  CHECK(run({"export", out, dir / "w.npz", "--weights", "trained"}).code == kOk);
}

TEST_CASE(
    "train with a set found below ./datasets or --data-dir: eval and --resume find it from another folder") {
  const TempDir dir;
  const auto idx = [](const std::vector<int>& dims, size_t bytes) {
    std::string file = {0, 0, 8, static_cast<char>(dims.size())};
    for (const int d : dims)
      for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(d >> shift & 255);
    return file + std::string(bytes, '\3');
  };
  for (const char* set : {"datasets", "own"}) {
    const std::string folder = std::string("here/") + set + "/mnist/";
    dir.write(folder + "train-images-idx3-ubyte", idx({20, 28, 28}, 20 * 784));
    dir.write(folder + "train-labels-idx1-ubyte", idx({20}, 20));
    dir.write(folder + "t10k-images-idx3-ubyte", idx({10, 28, 28}, 10 * 784));
    dir.write(folder + "t10k-labels-idx1-ubyte", idx({10}, 10));
  }
  const char* before = std::getenv("GRADUS_DATA");
  const std::string kept = before ? before : "";
  ::unsetenv("GRADUS_DATA");
  const Words line = {"train",   "--data", "mnist",   "--model", "mlp:hidden=4",
                      "--steps", "2",      "--quiet", "--out"};
  for (const Words& more : {Words{"found"}, Words{"given", "--data-dir", "own"}}) {
    CAPTURE(more[0]);
    Words words = line;
    words.insert(words.end(), more.begin(), more.end());
    {
      const Elsewhere here(dir / "here");
      CHECK(run(words).code == kOk);
    }
    const Elsewhere there(dir / "there");
    const std::string out = dir / ("here/" + more[0]);
    CHECK(json_of({"eval", out, "--json"}).at("examples") == 10);
    CHECK(run({"train", "--resume", out, "--steps", "3", "--quiet"}).code == kOk);
  }
  if (before) ::setenv("GRADUS_DATA", kept.c_str(), 1);
}

TEST_CASE(
    "train --recompute: the same weights, also of a run that goes on with it; models without blocks are "
    "refused") {
  const TempDir dir;
  const auto train = [&](const std::string& name, const Words& more) {
    Words line = digits_line(more);
    line.insert(line.end(),
                {"--model", "vit:patch=7,dim=8,depth=3,heads=2,dropout=0.1", "--out", dir / name});
    CHECK(run(line).code == 0);
    return dir.read(name + "/model.safetensors");
  };
  const std::string plain = train("plain", {"--steps", "4"});
  CHECK(train("again", {"--steps", "4", "--recompute"}) == plain);
  for (const char* name : {"half", "half-again"}) train(name, {});
  CHECK(run({"train", "--resume", dir / "half", "--steps", "4", "--quiet"}).code == 0);
  CHECK(run({"train", "--resume", dir / "half-again", "--steps", "4", "--recompute", "--quiet"}).code == 0);
  CHECK(dir.read("half/model.safetensors") == dir.read("half-again/model.safetensors"));
  CHECK(says(digits_line({"--recompute", "--out", dir / "none"}), {"--recompute", "no list of two blocks"}));
}
