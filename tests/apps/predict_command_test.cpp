// gradus predict: images, folders, tables, arrays, texts and standard input; the forms it writes; what cannot be read.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/image.h"
#include "core/npy.h"
#include "core/safetensors.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

nlohmann::json json_from(Words line) {
  line.push_back("--json");
  return nlohmann::json::parse(run(line).text);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Runs with this as standard input.
template <class F>
auto with_input(const std::string& file, const F& f) {
  const int kept = ::dup(STDIN_FILENO), from = ::open(file.c_str(), O_RDONLY);
  ::dup2(from, STDIN_FILENO);
  ::close(from);
  std::clearerr(stdin);
  std::rewind(stdin);
  const auto result = f();
  ::dup2(kept, STDIN_FILENO);
  ::close(kept);
  std::clearerr(stdin);
  return result;
}

// Whether these are the same classes in the same order, with probabilities that are equal but for rounding (which depends on how
// many examples are computed at once).
bool same_classes(const nlohmann::json& a, const nlohmann::json& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].at("name") != b[i].at("name") ||
        std::abs(a[i].at("probability").get<double>() - b[i].at("probability").get<double>()) > 1e-5)
      return false;
  return true;
}

// Flowers of two kinds by two numbers; a run that was trained on them.
struct Flowers {
  TempDir dir;
  std::string table = "width,height,kind\n", path;

  Flowers() {
    for (int i = 0; i < 60; ++i)
      table +=
          fmt::format("{},{},{}\n", (i % 2 ? 10 : 20) + i % 7, 100 + i % 5, i % 2 ? "rose" : "tulip, red");
    for (std::string::size_type at = 0; (at = table.find("tulip, red", at)) != std::string::npos; at += 12)
      table.replace(at, 10, "\"tulip, red\"");
    dir.write("flowers.csv", table);
    path = trained(dir, "run",
                   {"--data", "csv:path=" + dir / "flowers.csv", "--model", "mlp:hidden=8", "--epochs", "30",
                    "--batch-size", "8"});
  }
};

}  // namespace

TEST_CASE("predict --out: csv, jsonl and npy hold the same numbers, which are the softmax of eval's logits") {
  const Flowers f;
  run({"eval", f.path, "--data", "csv:test=1,path=" + f.dir / "flowers.csv", "--logits",
       f.dir / "logits.npy"});
  const Tensor logits = read_npy(f.dir / "logits.npy").reals();
  for (const char* out : {"p.csv", "p.jsonl", "p.npy"})
    CHECK(run({"predict", f.path, f.dir / "flowers.csv", "--out", f.dir / out, "--quiet"}).text ==
          f.dir / out + ": 60 predictions\n");
  const Tensor p = read_npy(f.dir / "p.npy").reals();
  REQUIRE(p.shape() == Shape{60, 2});
  const auto csv = lines_of(f.dir.read("p.csv")), json = lines_of(f.dir.read("p.jsonl"));
  REQUIRE(csv.size() == 61);
  REQUIRE(json.size() == 60);
  CHECK(csv[0] == "file,row,class,probability,p_rose,\"p_tulip, red\"");
  for (int64 i = 0; i < 60; ++i) {
    const double a = static_cast<double>(logits.data()[2 * i]),
                 b = static_cast<double>(logits.data()[2 * i + 1]);
    const double rose = 1 / (1 + std::exp(b - a));
    CHECK(static_cast<double>(p.data()[2 * i]) == doctest::Approx(rose).epsilon(1e-5));
    const auto row = nlohmann::json::parse(json[static_cast<size_t>(i)]);
    CHECK(row.at("row") == i);
    CHECK(row.at("class") == (rose > 0.5 ? "rose" : "tulip, red"));
    CHECK(row.at("probabilities").at("rose").get<double>() == doctest::Approx(rose).epsilon(1e-5));
    const std::string start =
        fmt::format("{},{},{},", f.dir / "flowers.csv", i, rose > 0.5 ? "rose" : "\"tulip, red\"");
    CHECK(csv[static_cast<size_t>(i) + 1].starts_with(start));
  }
}

TEST_CASE("predict: columns in another order, without the target, of a file without names, and in an array") {
  const Flowers f;
  const auto all = json_from({"predict", f.path, f.dir / "flowers.csv"}).at("predictions");
  REQUIRE(all.size() == 60);
  f.dir.write("turned.csv", "height,note,width\n100,x,20\n101,y,11\n");
  f.dir.write("bare.csv", "20,100\n11,101\n");
  f.dir.write("bare-target.csv", "20,100,rose\n11,101,rose\n");
  write_npy(f.dir / "rows.npy", Tensor::from({2, 2}, {20, 100, 11, 101}));
  write_npy(f.dir / "one.npy", Tensor::from({2}, {20, 100}));
  for (const char* name : {"turned.csv", "bare.csv", "bare-target.csv", "rows.npy", "one.npy"}) {
    CAPTURE(name);
    const auto said = json_from({"predict", f.path, f.dir / name}).at("predictions");
    const bool one = std::string(name) == "one.npy";
    REQUIRE(said.size() == (one ? 1 : 2));
    CHECK(said.at(0).contains("row") != one);
    CHECK(same_classes(said.at(0).at("classes"), all.at(0).at("classes")));
    if (!one) CHECK(same_classes(said.at(1).at("classes"), all.at(1).at("classes")));
  }
}

TEST_CASE("predict: what cannot be read is named and passed over; exit 3; the others are kept") {
  const Flowers f;
  f.dir.write("in/a.csv", "width,height\n20,100\n");
  f.dir.write("in/b.csv", "width,size\n20,100\n");
  f.dir.write("in/c.csv", "width,height\n20,tall\n");
  f.dir.write("in/d.npy", "not an array");
  f.dir.write("in/e/e.csv", "width,height\n11,101\n12,101\n");
  f.dir.write("in/f.txt", "of another kind");
  f.dir.write("in/.hidden.csv", "width,height\n20,100\n");
  f.dir.write("empty/readme.md", "nothing");
  Words line = {"predict", f.path, f.dir / "in", f.dir / "none.csv", f.dir / "empty", "--quiet", "--json"};
  const Output shown = run(line);
  CHECK(shown.code == kBadData);
  const auto json = nlohmann::json::parse(shown.text);
  CHECK(json.at("predicted") == 3);
  CHECK(json.at("predictions").at(0).at("file") == f.dir / "in/a.csv");
  CHECK(json.at("predictions").at(2).at("file") == f.dir / "in/e/e.csv");
  CHECK(json.at("predictions").at(2).at("row") == 1);
  std::vector<std::string> errors;
  for (const auto& e : json.at("errors")) errors.push_back(e.at("error"));
  REQUIRE(errors.size() == 5);
  CHECK(errors[0].find("empty: expected .csv or .npy files, found none") != std::string::npos);
  CHECK(
      errors[1].find("b.csv: the weights were trained on the columns width, height; missing here: height") !=
      std::string::npos);
  CHECK(errors[2].find("c.csv: line 2, column 1 (height): expected a number, found 'tall'") !=
        std::string::npos);
  CHECK(errors[3].find("d.npy") != std::string::npos);
  CHECK(errors[4].find("none.csv: cannot open") != std::string::npos);

  line.insert(line.end() - 1, {"--out", f.dir / "out.csv"});
  CHECK(run(line).code == kBadData);
  CHECK(lines_of(f.dir.read("out.csv")).size() == 4);
  // Where nothing can be predicted, what was there stays.
  const std::string before = f.dir.read("out.csv");
  const Output none = run({"predict", f.path, f.dir / "in/b.csv", "--out", f.dir / "out.csv"});
  CHECK(none.code == kBadData);
  CHECK(none.text.find("is not written") != std::string::npos);
  CHECK(f.dir.read("out.csv") == before);
  CHECK_FALSE(fs::exists(f.dir / "out.csv.partial"));
}

TEST_CASE("predict: wrong words") {
  const Flowers f;
  CHECK_THROWS_WITH_AS(run({"predict"}), doctest::Contains("which weights"), UsageError);
  CHECK_THROWS_WITH_AS(run({"predict", f.path}), doctest::Contains("predict what?"), UsageError);
  CHECK_THROWS_WITH_AS(run({"predict", "--init", f.path}), doctest::Contains("predict what?"), UsageError);
  CHECK_THROWS_WITH_AS(run({"predict", f.path, "x.csv", "--out", "p.txt"}),
                       doctest::Contains(".csv, .jsonl or .npy"), UsageError);
  CHECK_THROWS_WITH_AS(run({"predict", f.path, "-", "-"}), doctest::Contains("once"), UsageError);
  CHECK_THROWS_WITH_AS(run({"predict", f.path, "x.csv", "--weights", "ema"}),
                       doctest::Contains("without --ema"), UsageError);
  CHECK_THROWS_WITH_AS(run({"predict", f.path, "x.csv", "--weights", "bset"}), doctest::Contains("best"),
                       UsageError);
  CHECK_THROWS_AS(run({"predict", f.path, f.dir / "flowers.csv", "--out", f.dir / "no/such/p.csv"}),
                  DataError);
  CHECK_THROWS_AS(run({"predict", f.dir / "flowers.csv", f.dir / "flowers.csv"}), DataError);
}

TEST_CASE("predict -: a table, or an image, or a list of paths") {
  const Flowers f;
  const auto table = json_from({"predict", f.path, f.dir / "flowers.csv"}).at("predictions");
  const auto piped = with_input(f.dir / "flowers.csv", [&] { return json_from({"predict", f.path, "-"}); });
  REQUIRE(piped.at("predictions").size() == 60);
  CHECK(piped.at("predictions").at(7).at("file") == "standard input");
  CHECK(piped.at("predictions").at(7).at("classes") == table.at(7).at("classes"));
  f.dir.write("nothing", "");
  const auto nothing = with_input(f.dir / "nothing", [&] {
    return run({"predict", f.path, "-", "--quiet"});
  });
  CHECK(nothing.code == kBadData);
}

TEST_CASE("predict: images of any size from files, folders, arrays and standard input") {
  const TempDir dir;
  const std::string path = trained(
      dir, "run", {"--data", "digits:train=400,test=32", "--model", "mlp:hidden=16", "--steps", "30"});
  const auto picture = [](int64 channels, int64 size, int at) {
    Image image{channels, size, size, std::vector<std::uint8_t>(static_cast<size_t>(channels * size * size))};
    for (int64 c = 0; c < channels; ++c)
      for (int64 y = size / 6; y < size - size / 6; ++y)
        image.pixels[static_cast<size_t>((c * size + y) * size + at)] = 255;
    return image;
  };
  fs::create_directories(dir / "in/below");
  write_png(dir / "in/b.png", picture(1, 28, 14));
  write_png(dir / "in/A.PNG", picture(3, 56, 20));
  write_png(dir / "in/below/c.png", picture(1, 28, 9));
  dir.write("in/notes.md", "no image");
  const auto all = json_from({"predict", path, dir / "in"}).at("predictions");
  REQUIRE(all.size() == 3);
  CHECK(all.at(0).at("file") == dir / "in/A.PNG");
  CHECK(all.at(2).at("file") == dir / "in/below/c.png");
  CHECK(all.at(1).at("classes").size() == 3);
  CHECK(all.at(1) != all.at(2));
  const auto one =
      json_from({"predict", dir / "in/b.png", "--init", path, "--top", "10"}).at("predictions").at(0);
  double sum = 0;
  for (const auto& c : one.at("classes")) sum += c.at("probability").get<double>();
  CHECK(sum == doctest::Approx(1).epsilon(1e-5));
  // The same pixels as an array of 8-bit numbers.
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), }";
  header.resize(118 - 1, ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header;
  for (const int at : {14, 9}) {
    const Image image = picture(1, 28, at);
    bytes.append(image.pixels.begin(), image.pixels.end());
  }
  dir.write("two.npy", bytes);
  const auto two = json_from({"predict", path, dir / "two.npy"}).at("predictions");
  REQUIRE(two.size() == 2);
  CHECK(same_classes(two.at(0).at("classes"), all.at(1).at("classes")));
  CHECK(same_classes(two.at(1).at("classes"), all.at(2).at("classes")));
  CHECK(two.at(1).at("row") == 1);
  const auto piped = with_input(dir / "in/b.png", [&] { return json_from({"predict", path, "-"}); });
  CHECK(same_classes(piped.at("predictions").at(0).at("classes"), all.at(1).at("classes")));
  dir.write("list", dir / "in/b.png" + "\n" + dir / "in/below" + "\r\n\n");
  const auto listed = with_input(dir / "list", [&] { return json_from({"predict", path, "-"}); });
  REQUIRE(listed.at("predictions").size() == 2);
  CHECK(listed.at("predictions").at(1).at("file") == dir / "in/below/c.png");
  // Batches of any size say the same.
  const auto single = json_from({"predict", path, dir / "in", "--batch-size", "1"}).at("predictions");
  for (size_t i = 0; i < 3; ++i) CHECK(same_classes(single.at(i).at("classes"), all.at(i).at("classes")));
}

TEST_CASE("predict: the next character of texts, numbers of a regression, reconstruction errors") {
  const TempDir dir;
  std::string play;
  for (int i = 0; i < 60; ++i) play += "to be, or not to be\n";
  const std::string text = trained(
      dir, "text",
      {"--data", "text:path=" + dir.write("play.txt", play), "--model", "gpt:block=8,dim=32,layers=1,heads=2",
       "--optim", "adamw:lr=1e-2", "--steps", "150", "--batch-size", "16"});
  dir.write("a.txt", "or not to b");
  dir.write("b.txt", "Zounds");
  const Output out = run({"predict", text, dir / "a.txt", dir / "b.txt", "--json", "--quiet"});
  CHECK(out.code == kBadData);
  const auto said = nlohmann::json::parse(out.text);
  CHECK(said.at("predictions").at(0).at("classes").at(0).at("name") == "e");
  CHECK(said.at("errors").at(0).at("error").get<std::string>().find(
            "b.txt: the vocabulary has no token for 'Z") != std::string::npos);

  std::string csv = "x,y\n";
  for (int i = 0; i < 100; ++i) csv += fmt::format("{},{}\n", i % 10, 0.5 + 2 * (i % 10));
  const std::string line =
      trained(dir, "line",
              {"--data", "csv:path=" + dir.write("line.csv", csv), "--model", "mlp:hidden=16", "--optim",
               "adam:lr=1e-2", "--epochs", "60", "--batch-size", "8"});
  dir.write("x.csv", "x\n3\n8\n");
  CHECK(run({"predict", line, dir / "x.csv", "--out", dir / "y.csv", "--quiet"}).code == kOk);
  const auto rows = lines_of(dir.read("y.csv"));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0] == "file,row,prediction");
  CHECK(std::stod(rows[1].substr(rows[1].rfind(',') + 1)) == doctest::Approx(6.5).epsilon(0.1));
  CHECK(std::stod(rows[2].substr(rows[2].rfind(',') + 1)) == doctest::Approx(16.5).epsilon(0.1));

  const std::string coder =
      trained(dir, "coder", {"--data", "digits:train=64,test=8", "--model", "autoencoder", "--steps", "2"});
  write_png(dir / "a.png", {1, 28, 28, std::vector<std::uint8_t>(784, 90)});
  const auto error =
      json_from({"predict", coder, dir / "a.png"}).at("predictions").at(0).at("error").get<double>();
  CHECK(error > 0);
  CHECK(run({"predict", coder, dir / "a.png", "--out", dir / "r.npy"}).code == kOk);
  const Tensor r = read_npy(dir / "r.npy").reals();
  CHECK(r.numel() == 784);
}

TEST_CASE("predict and eval --weights: the best, the last, the mean and the trained weights of a run") {
  const TempDir dir;
  const std::string path = trained(dir, "run",
                                   {"--data", "digits:train=400,test=64", "--model", "mlp:hidden=16",
                                    "--optim", "adam:lr=0.05", "--epochs", "4", "--ema", "0.9"});
  write_png(dir / "a.png", {1, 28, 28, std::vector<std::uint8_t>(784, 90)});
  const auto said = [&](const std::string& which) {
    return json_from({"predict", path, dir / "a.png", "--weights", which}).at("predictions");
  };
  for (const char* which : {"best", "last", "ema", "trained"}) {
    CAPTURE(which);
    const std::string file = dir / (std::string(which) + ".safetensors");
    CHECK(run({"export", path, file, "--weights", which}).code == kOk);
    CHECK(said(which) == json_from({"predict", file, dir / "a.png"}).at("predictions"));
    CHECK(json_from({"eval", path, "--weights", which}).at("test_loss") ==
          json_from({"eval", file, "--data", "digits:train=400,test=64"}).at("test_loss"));
  }
  CHECK(said("ema") == said("last"));
  CHECK(said("trained") != said("ema"));
}
