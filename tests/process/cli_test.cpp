// The command line as its users meet it: results, exit codes, complaints.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "apps/cli/blas_kernels.h"
#include "core/image.h"
#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;

namespace {

using Args = std::vector<std::string>;

// Digits drawn on the spot, a small model, a few steps: less than half a second.
Args short_run(const Args& more) {
  Args args = {
      "train",     "--data", "digits:train=256,test=64", "--batch-size", "32", "--steps", "8", "--quiet",
      "--threads", "1"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

void check_says(const Outcome& outcome, int code, const Args& parts) {
  CAPTURE(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out.empty());
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(outcome.err.find(part) != std::string::npos);
  }
}

// The big-endian header of an IDX file of `dims`, then `bytes` bytes.
std::string idx(const std::vector<std::uint32_t>& dims, std::size_t bytes, char type = 8) {
  std::string file = {0, 0, type, static_cast<char>(dims.size())};
  for (const std::uint32_t d : dims)
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(d >> shift & 255);
  return file + std::string(bytes, '\3');
}

// A data directory with an MNIST of 20 + 10 examples, one of whose files is replaced.
void write_mnist(const TempDir& dir, const std::string& replaced = "", const std::string& contents = "") {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"train-images-idx3-ubyte", idx({20, 28, 28}, 20 * 784)},
      {"train-labels-idx1-ubyte", idx({20}, 20)},
      {"t10k-images-idx3-ubyte", idx({10, 28, 28}, 10 * 784)},
      {"t10k-labels-idx1-ubyte", idx({10}, 10)}};
  for (const auto& [name, bytes] : files) dir.write("mnist/" + name, name == replaced ? contents : bytes);
}

}  // namespace

TEST_CASE("train: one JSON object with what was trained, and a run directory") {
  const TempDir dir;
  const Outcome run =
      run_gradus(short_run({"--json", "--seed", "5", "--optim", "adam:lr=2e-3", "--out", dir / "run"}));
  REQUIRE_MESSAGE(run.code == 0, run.err);
  CHECK(run.err.empty());
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json.at("data") == "digits:train=256,test=64");
  CHECK(json.at("model").get<std::string>().starts_with("mlp:hidden=256-128"));
  CHECK(json.at("optim").get<std::string>().starts_with("adam:lr=0.002"));
  CHECK(json.at("seed") == 5);
  CHECK(json.at("epochs") == 1);
  CHECK(json.at("steps") == 8);
  CHECK(json.at("out") == dir / "run");
  for (const char* key : {"train_loss", "test_loss", "test_accuracy", "train_seconds", "samples_per_s"})
    CHECK(json.at(key).is_number());
  for (const char* file :
       {"config.json", "metrics.csv", "metrics.jsonl", "model.safetensors", "checkpoint.safetensors"})
    CHECK(std::filesystem::file_size(dir / (std::string("run/") + file)) > 0);
  const auto row = nlohmann::json::parse(bytes_of(dir / "run/metrics.jsonl"));
  CHECK(row.at("test_accuracy") == json.at("test_accuracy"));

  const Outcome eval = run_gradus({"eval", dir / "run", "--json"});
  REQUIRE_MESSAGE(eval.code == 0, eval.err);
  CHECK(nlohmann::json::parse(eval.out).at("test_accuracy") == json.at("test_accuracy"));

  // The settings as printed make the same run.
  const Outcome printed = run_gradus(short_run({"--seed", "5", "--optim", "adam:lr=2e-3", "--print-config"}));
  REQUIRE(printed.code == 0);
  dir.write("config.json", printed.out);
  const Outcome again =
      run_gradus({"train", "--config", dir / "config.json", "--out", dir / "again", "--quiet"});
  REQUIRE_MESSAGE(again.code == 0, again.err);
  CHECK(bytes_of(dir / "again/model.safetensors") == bytes_of(dir / "run/model.safetensors"));
}

TEST_CASE("train: a run directory with a run in it is not overwritten") {
  const TempDir dir;
  REQUIRE(run_gradus(short_run({"--out", dir / "run"})).code == 0);
  const std::string model = bytes_of(dir / "run/model.safetensors");
  check_says(run_gradus(short_run({"--seed", "9", "--out", dir / "run"})), 2, {"--out", "--resume"});
  CHECK(bytes_of(dir / "run/model.safetensors") == model);
}

TEST_CASE("unknown names and values: exit 2 with the valid ones and the nearest") {
  check_says(run_gradus({"train", "--optim", "admw"}), 2, {"'admw'", "adamw"});
  check_says(run_gradus({"train", "--model", "lent"}), 2, {"'lent'", "lenet"});
  check_says(run_gradus({"train", "--data", "mnis"}), 2, {"'mnis'", "mnist"});
  check_says(run_gradus({"train", "--schedule", "cosin"}), 2, {"'cosin'", "cosine"});
  check_says(run_gradus({"train", "--gradient", "forwad"}), 2, {"--gradient", "'forwad'", "forward"});
  check_says(run_gradus({"train", "--gradient", "likelihood-ratio:sigma=0"}), 2,
             {"--gradient", "sigma", "> 0"});
  check_says(run_gradus({"train", "--optim", "adam:beta=0.9"}), 2, {"'beta'", "beta1", "beta2"});
  check_says(run_gradus({"train", "--optim", "adam:lr=fast"}), 2, {"adam", "lr", "'fast'"});
  check_says(run_gradus({"train", "--optim", "adam:lr=-1"}), 2, {"lr", "-1", "> 0"});
  check_says(run_gradus({"train", "--optim", "adam:lr=nan"}), 2, {"lr"});
  check_says(run_gradus({"train", "--batch-size", "0"}), 2, {"--batch-size", ">= 1"});
  check_says(run_gradus({"train", "--epoch", "3"}), 2, {"--epoch", "--epochs"});
  check_says(run_gradus({"trian"}), 2, {"trian", "train"});
  check_says(run_gradus({"train", "--epochs", "1", "--steps", "1"}), 2, {"--epochs", "--steps"});
  check_says(run_gradus({"train", "--freeze", "nothing*"}), 2, {"nothing*", "fc1.weight"});
  check_says(run_gradus({"optim", "show", "adm"}), 2, {"'adm'", "adam"});
  check_says(run_gradus({"model", "show", "lenett"}), 2, {"lenet"});
}

TEST_CASE("data that are missing or damaged: exit 3 with the file and what was expected") {
  const TempDir dir;
  const Args train = {"train",   "--data",     "mnist",    "--steps", "1",
                      "--quiet", "--data-dir", dir.path(), "--out",   dir / "run"};
  check_says(run_gradus(train), 3, {dir.path(), "mnist"});

  const auto refused = [&](const std::string& name, const std::string& contents, const Args& parts) {
    write_mnist(dir, name, contents);
    check_says(run_gradus(train), 3, parts);
    CHECK(!std::filesystem::exists(dir / "run"));
  };
  const std::string images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte";
  refused(images, idx({20, 28, 28}, 19 * 784), {images, "offset"});             // truncated
  refused(images, idx({20}, 20), {images, "offset"});                           // labels for images
  refused(images, "P5 not an IDX file", {images, "offset 0"});                  // wrong magic
  refused(images, idx({0xffffffff, 0xffff, 0xffff}, 100), {images, "offset"});  // absurd sizes
  refused(images, "", {images, "offset 0"});                                    // empty
  refused(labels, idx({21}, 21), {labels, "20"});                               // counts differ
  refused(labels, idx({20}, 19) + '\12', {labels});                             // a label of 10
}

TEST_CASE("a small MNIST trains; weights of another shape, or that are none, are refused") {
  const TempDir dir;
  write_mnist(dir);
  const Args train = {"train",   "--data",     "mnist",    "--steps", "2",
                      "--quiet", "--data-dir", dir.path(), "--json"};
  const auto with = [&](const Args& more) {
    Args args = train;
    args.insert(args.end(), more.begin(), more.end());
    return run_gradus(args);
  };
  REQUIRE(with({"--out", dir / "mlp", "--save", dir / "w.safetensors"}).code == 0);
  CHECK(bytes_of(dir / "w.safetensors") == bytes_of(dir / "mlp/model.safetensors"));
  check_says(with({"--out", dir / "a", "--model", "lenet", "--init", dir / "w.safetensors"}), 3,
             {"w.safetensors", "conv1.weight"});
  check_says(with({"--out", dir / "b", "--init", dir / "none.safetensors"}), 3, {"none.safetensors"});
  dir.write("bad.safetensors", std::string(8, '\xff') + "{}");
  check_says(with({"--out", dir / "c", "--init", dir / "bad.safetensors"}), 3,
             {"bad.safetensors", "offset 0"});
  const std::string whole = bytes_of(dir / "w.safetensors");
  dir.write("cut.safetensors", whole.substr(0, whole.size() / 2));
  check_says(with({"--out", dir / "d", "--init", dir / "cut.safetensors"}), 3, {"cut.safetensors"});
}

TEST_CASE("divergence: exit 4 with step, last good loss and lr; the last good checkpoint is kept") {
  const TempDir dir;
  const Outcome run =
      run_gradus(short_run({"--optim", "sgd:lr=1e18", "--save-every", "1", "--out", dir / "run"}));
  check_says(run, 4, {"diverged at step", "last good loss", "lr 1e+18", "checkpoint.safetensors"});
  CHECK(!std::filesystem::exists(dir / "run/model.safetensors"));
  CHECK(std::filesystem::file_size(dir / "run/checkpoint.safetensors") > 0);
}

TEST_CASE("a full disk and a folder that cannot be written: a clear error, nothing half-written") {
  const TempDir dir;
  const Outcome full = run_gradus(short_run({"--out", dir / "full"}), {.largest_file = 100000});
  check_says(full, 3, {dir / "full", "write"});
  for (const auto& entry : std::filesystem::directory_iterator(dir / "full")) {
    CAPTURE(entry.path());
    CHECK(entry.path().extension() != ".partial");
    CHECK(entry.path().filename() != "model.safetensors");
  }
  dir.write("file", "in the way");
  check_says(run_gradus(short_run({"--out", dir / "file/run"})), 3, {dir / "file/run", "run directory"});
  CHECK(dir.read("file") == "in the way");
  check_says(run_gradus(short_run({"--out", dir / "x", "--save", dir / "no/such/w.safetensors"})), 3,
             {"--save"});
}

TEST_CASE("predict: the three most likely classes of PNG images, with probabilities") {
  const TempDir dir;
  REQUIRE(run_gradus(short_run({"--out", dir / "run", "--steps", "60"})).code == 0);
  gradus::Image image{
      .channels = 3, .height = 40, .width = 56, .pixels = std::vector<std::uint8_t>(3 * 40 * 56)};
  for (size_t c = 0; c < 3; ++c)
    for (size_t y = 6; y < 34; ++y)
      for (size_t x = 26; x < 31; ++x) image.pixels[(c * 40 + y) * 56 + x] = 255;  // a one
  write_png(dir / "one.png", image);
  const Outcome outcome = run_gradus({"predict", dir / "one.png", "--init", dir / "run", "--json"});
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  const auto json = nlohmann::json::parse(outcome.out);
  CAPTURE(outcome.out);
  const auto& classes = json.at("predictions").at(0).at("classes");
  REQUIRE(classes.size() == 3);
  CHECK(classes.at(0).at("class") == 1);
  CHECK(classes.at(0).at("probability").get<double>() > classes.at(1).at("probability").get<double>());
  CHECK(classes.at(0).at("probability").get<double>() <= 1);
  dir.write("broken.png", "\x89PNG\r\n\x1a\n but no more");
  check_says(run_gradus({"predict", dir / "broken.png", "--init", dir / "run"}), 3, {"broken.png"});
  check_says(run_gradus({"predict", dir / "absent.png", "--init", dir / "run"}), 3, {"absent.png"});
}

TEST_CASE("lists and pages come from the registries") {
  const Outcome optim = run_gradus({"optim", "list", "ada*"});
  CHECK(optim.code == 0);
  CHECK(optim.out.find("adam ") != std::string::npos);
  CHECK(optim.out.find("sgd ") == std::string::npos);
  for (const char* part : {"lr", "beta1", "0.001", "Kingma", "1412.6980"})
    CHECK(run_gradus({"optim", "show", "adam"}).out.find(part) != std::string::npos);
  CHECK(run_gradus({"optim", "show", "adam"}).out.find("source   optim/rules/adam.cpp\n") !=
        std::string::npos);
  CHECK(run_gradus({"model", "show", "lenet"}).out.find("fc1.weight") != std::string::npos);
  CHECK(run_gradus({"model", "show", "resnet20"}).out.find("source   nn/models/resnet.h\n") !=
        std::string::npos);
  const TempDir dir;
  CHECK(run_gradus({"data", "show", "digits", "--out", dir / "digits.png"}).code == 0);
  CHECK(bytes_of(dir / "digits.png").starts_with("\x89PNG"));
  const Outcome version = run_gradus({"--version"});
  CHECK(version.code == 0);
  for (const char* part : {"gradus", "BLAS", "threads"}) CHECK(version.out.find(part) != std::string::npos);
}

TEST_CASE("check-mup: tables and a picture; exit 4 where layers move apart, 2 for a model without a width") {
  const TempDir dir;
  const std::vector<std::string> line = {
      "model",          "check-mup", "mlp:hidden=16", "--data", "digits:train=64,test=16",
      "--widths",       "16-64",     "--steps",       "2",      "--out",
      dir / "check.svg"};
  const auto with_limit = [&](const char* limit) {
    auto words = line;
    words.insert(words.end(), {"--limit", limit});
    return run_gradus(words);
  };
  const Outcome wide = with_limit("9");
  CHECK(wide.code == 0);
  CHECK(wide.out.find("standard") != std::string::npos);
  CHECK(wide.out.find("fc1") != std::string::npos);
  CHECK(dir.read("check.svg").find("</svg>") != std::string::npos);
  CHECK(with_limit("1e-9").code == 4);
  const Outcome none = run_gradus({"model", "check-mup", "airbench"});
  CHECK(none.code == 2);
  CHECK(none.err.find("has no width that is known") != std::string::npos);
}

TEST_CASE("the program runs the best BLAS kernels the processor has, unless OPENBLAS_CORETYPE names others") {
  using gradus::Simd;
  const auto says = [](const Outcome& o, const std::string& part) {
    return o.out.find(part) != std::string::npos;
  };
  const Outcome told = run_gradus({"--version"}, {.environment = {{"OPENBLAS_CORETYPE", "Prescott"}}});
  CHECK(told.code == 0);
  CHECK(!says(told, "chosen by gradus"));
  const bool selectable = says(told, "Prescott kernels\n");  // an OpenBLAS of one kernel set runs that
  if (selectable && gradus::processor_simd() != Simd::kOther)
    CHECK(says(told, "warning   OPENBLAS_CORETYPE=Prescott holds BLAS to its Prescott kernels"));
  // Started anew once, and not again, whatever came of it.
  const Outcome again =
      run_gradus({"--version"},
                 {.environment = {{"OPENBLAS_CORETYPE", "Prescott"}, {"GRADUS_BLAS_CORE_REPLACED", "Atom"}}});
  CHECK(again.code == 0);
  if (selectable)
    CHECK(says(again,
               "Prescott kernels, chosen by gradus: OpenBLAS does not know this processor and takes Atom"));
  if (std::getenv("OPENBLAS_CORETYPE")) return;
  const Outcome own = run_gradus({"--version"});
  CHECK(own.code == 0);
  if (selectable) CHECK(!says(own, "warning"));
  CHECK(run_gradus({"--no-such-flag"}).code == 2);  // arguments and exit codes come through
}

TEST_CASE("names that are not UTF-8 are refused at once, with file and byte, and leave nothing") {
  const TempDir dir;
  const Surroundings here{.folder = dir.path()};
  std::string table = "a,b,label\n";
  for (int i = 0; i < 20; ++i)
    table +=
        "1,2,m\xfc"
        "de\n2,3,wach\n";
  dir.write("latin1.csv", table);
  check_says(run_gradus({"train", "--data", "csv:path=latin1.csv", "--out", "run"}, here), 3,
             {"latin1.csv: line 2, at offset 15", "\\xfc"});
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
  for (const char* name : {"wach",
                           "m\xfc"
                           "de"})
    for (const char* file : {"/0.png", "/1.png"}) {
      const std::string path = std::string("images/") + name + file;
      dir.write(path, "");
      gradus::write_png(dir / path,
                        {.channels = 1, .height = 4, .width = 4, .pixels = std::vector<std::uint8_t>(16, 7)});
    }
  check_says(run_gradus({"train", "--data", "folder:path=images", "--out", "run"}, here), 3,
             {"images/m\\xfcde: byte 1"});
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
  // A file's name goes into config.json.
  dir.write(
      "m\xfc"
      "de.csv",
      "1,0\n2,1\n3,0\n4,1\n");
  check_says(run_gradus({"train", "--data",
                         "csv:path=m\xfc"
                         "de.csv",
                         "--out", "run"},
                        here),
             2, {"--data csv:path=m\\xfcde.csv: byte 10 is not UTF-8"});
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
}

TEST_CASE("train: says on stderr which task was taken for a table, and why; a comma in a path is quoted") {
  const TempDir dir;
  std::string table = "age,years\n";
  for (int i = 0; i < 40; ++i) table += std::to_string(i) + "," + std::to_string(18 + i) + "\n";
  dir.write("a, b.csv", table);
  const Outcome run = run_gradus({"train", "--data", "csv:path=\"a, b.csv\"", "--steps", "2", "--out", "run"},
                                 {.folder = dir.path()});
  REQUIRE_MESSAGE(run.code == 0, run.err);
  CHECK(run.err.find("'years' is taken for classification: it holds 40 different integers, 18 to 57") !=
        std::string::npos);
  const Outcome eval = run_gradus({"eval", "run"}, {.folder = dir.path()});
  CHECK_MESSAGE(eval.code == 0, eval.err);
  check_says(run_gradus({"train", "--data", "csv:path=a, b.csv"}, {.folder = dir.path()}), 2, {"is quoted"});
}

TEST_CASE("predict: the images that can be read are shown, whatever comes between; exit 3") {
  const TempDir dir;
  REQUIRE(run_gradus(short_run({"--out", dir / "run"})).code == 0);
  gradus::write_png(dir / "good.png",
                    {.channels = 1, .height = 28, .width = 28, .pixels = std::vector<std::uint8_t>(784, 9)});
  const Outcome shown = run_gradus({"predict", dir / "missing.png", dir / "good.png", "--init", dir / "run"});
  CHECK(shown.code == 3);
  CHECK(shown.out.find("good.png") != std::string::npos);
  CHECK(shown.err.find("missing.png: cannot open") != std::string::npos);
}
