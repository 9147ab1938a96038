// The book: mathematics set from plain text, pages of all entries, links, symbols of equations in the code.
#include "apps/book/book.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iterator>
#include <set>

#include "apps/active/strategy.h"
#include "apps/book/code_view.h"
#include "apps/book/equations.h"
#include "apps/book/markdown.h"
#include "apps/continual/learners.h"
#include "apps/papers/paper.h"
#include "apps/testtime/adaptation.h"
#include "apps/testtime/attack.h"
#include "apps/testtime/image_views.h"
#include "apps/train/gradients/gradient_method.h"
#include "apps/train/losses.h"
#include "autograd/registry.h"
#include "core/error.h"
#include "data/augment.h"
#include "data/clients/partition.h"
#include "data/corruptions/corruption.h"
#include "data/environments/environment.h"
#include "data/registry.h"
#include "data/selection/sample_selector.h"
#include "data/tasks/drift_stream.h"
#include "data/tasks/task_stream.h"
#include "nn/adapters/registry.h"
#include "nn/diffusion/guidance.h"
#include "nn/diffusion/sampler.h"
#include "nn/diffusion/step_skipping.h"
#include "nn/ranking/ranking_losses.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"
#include "optim/server/server_rule.h"
#include "tests/apps/in_process.h"
#include "tests/apps/markup_check.h"
#include "tests/paths.h"

namespace gradus::tests {
namespace {

const Sources& book_sources() {
  static const Sources sources(tests_dir().parent_path().string());
  return sources;
}

// Without what only makes the markup longer.
std::string short_math(std::string s) {
  const auto drop = [&](const std::string& what, const std::string& by) {
    for (size_t at = s.find(what); at != std::string::npos; at = s.find(what, at + by.size()))
      s.replace(at, what.size(), by);
  };
  drop("<mspace width=\"0.17em\"></mspace>", " ");
  drop("<math displaystyle=\"true\">", "<math>");
  drop("<mrow>", "{");
  drop("</mrow>", "}");
  for (const char* leaf : {"mi", "mn", "mo"}) {
    drop("<" + std::string(leaf) + ">", "");
    drop("</" + std::string(leaf) + ">", "");
  }
  return s;
}

std::vector<std::string> option_words(const OptimizerEntry& entry) {
  std::vector<std::string> names;
  for (const OptionInfo& o : entry.options) names.push_back(o.name);
  return names;
}

// What is wrong with the links and loads of a site: dead files, dead anchors, anything from outside that is loaded.
std::vector<std::string> site_problems(const std::map<std::string, std::string>& files) {
  std::map<std::string, std::set<std::string>> anchors;
  for (const auto& [path, text] : files)
    for (size_t at = text.find(" id=\""); at != std::string::npos; at = text.find(" id=\"", at + 1))
      anchors[path].insert(text.substr(at + 5, text.find('"', at + 5) - at - 5));
  std::vector<std::string> problems;
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".html")) continue;
    for (const char* attribute : {" href=\"", " src=\""})
      for (size_t at = text.find(attribute); at != std::string::npos; at = text.find(attribute, at + 1)) {
        const size_t from = at + std::string(attribute).size();
        std::string to = text.substr(from, text.find('"', from) - from);
        const std::string tag = text.substr(text.rfind('<', at), at - text.rfind('<', at));
        if (to.starts_with("data:")) continue;
        if (to.find("://") != std::string::npos) {
          if (!tag.starts_with("<a")) problems.push_back(path + " loads " + to);
          continue;
        }
        const size_t hash = to.find('#');
        const std::string anchor = hash == std::string::npos ? "" : to.substr(hash + 1);
        to = to.substr(0, hash);
        const std::string file =
            to.empty() ? path
                       : (std::filesystem::path(path).parent_path() / to).lexically_normal().generic_string();
        if (!files.contains(file))
          problems.push_back(path + " -> " + to);
        else if (!anchor.empty() && !anchors[file].contains(anchor))
          problems.push_back(path + " -> " + to + "#" + anchor);
      }
  }
  return problems;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(lines.size(), 20); ++i) out += lines[i] + "\n";
  return out;
}

}  // namespace

TEST_CASE("book: plain-text equations as MathML") {
  CHECK(short_math(set_line("m = beta1*m + (1-beta1)*g", {})) ==
        "<math>{m=<msub>β{1}</msub> m+{(1−<msub>β{1}</msub>)} g}</math>");
  CHECK(short_math(set_line("v = beta2*v + (1-beta2)*g^2", {})) ==
        "<math>{v=<msub>β{2}</msub> v+{(1−<msub>β{2}</msub>)} <msup>{g}{2}</msup>}</math>");
  CHECK(short_math(set_line("w <- w - lr * mhat/(sqrt(vhat) + eps)", {})) ==
        "<math>{w←w−lr⋅<mfrac>{<mover accent=\"true\">m^</mover>}{{<msqrt>{<mover "
        "accent=\"true\">v^</mover>}</msqrt>+ε}}</mfrac>}</math>");
  CHECK(short_math(set_line("S = S + ||g||^2", {})) == "<math>{S=S+<msup>{{‖g‖}}{2}</msup>}</math>");
  CHECK(short_math(set_line("p = g - <w,g>/(<w,w> + eps)*w", {})) ==
        "<math>{p=g−<mfrac>{{⟨w, g⟩}}{{{⟨w, w⟩}+ε}}</mfrac> w}</math>");
  CHECK(short_math(set_line("x_t = sum over i of a_i", {})) ==
        "<math>{<msub>x{t}</msub>=<munder>∑i</munder> <msub>a{i}</msub>}</math>");
  CHECK(short_math(set_line("f = 1 if t = 0, else t^(-1/2)", {})) ==
        "<math>{{f}={<mtable><mtr><mtd>{1}</mtd><mtd><mtext>if\u00a0</mtext>{t=0}</mtd></"
        "mtr><mtr><mtd>{<msup>{t}{{−<mfrac>{1}{2}</mfrac>}}</msup>}</mtd><mtd><mtext>else</mtext></mtd></"
        "mtr></mtable>}</math>");
  CHECK(short_math(set_line("u = max(beta2*u, |g| + eps)", {})) ==
        "<math>{u={max\u2061{(<msub>β{2}</msub> u, {|g|}+ε)}}}</math>");
  CHECK(short_math(set_line("G = grad L(w + rho*g/(||g|| + 1e-12))", {})) ==
        "<math>{G=∇{L\u2061{(w+<mfrac>{ρ g}{{{‖g‖}+<msup>10{−12}</msup>}}</mfrac>)}}}</math>");
  CHECK(short_math(set_line("V = G G' + 2.5e-3", {})) ==
        "<math>{V=G <msup>{G}′</msup>+{2.5⋅<msup>10{−3}</msup>}}</math>");
  CHECK(short_math(set_line("z = +-1 at random", {})) == "<math>{z=±1}</math> at random");
  CHECK(short_math(set_line("c <= 1, a >= b", {})) == "<math>{c≤1}</math>, <math>{a≥b}</math>");
  CHECK(short_math(set_line("per-tensor: mean of the mini-batch", {})) ==
        "per-tensor: mean of the mini-batch");
  CHECK(short_math(set_line("v as madgrad.py's, m as in the_rule.h", {})) ==
        "<math>{v}</math> as madgrad.py&#39;s, <math>{m}</math> as in the_rule.h");
  CHECK(short_math(set_line("linear from beta1's to beta3's: (MoMo*), the code's", {})) ==
        "linear from <math>{<msub>β{1}</msub>}</math>&#39;s to <math>{<msub>β{3}</msub>}</math>&#39;s:  "
        "(MoMo*), the "
        "code&#39;s");
  CHECK(head_lines("  a = 1\nB: c = 2;\n  d = 3\n  e = 4\n").size() == 3);
  CHECK(head_lines("  a = 1\nB: c = 2;\n  d = 3\n  e = 4\n")[1].text == "B: c = 2; d = 3");
  CHECK(symbol_mathml("g_prev") == "<msub><mi>g</mi><mrow><mi>prev</mi></mrow></msub>");
  CHECK(symbol_mathml("weight_decay") == "<mi>weight_decay</mi>");
  CHECK(symbol_mathml("vbar") == "<mover accent=\"true\"><mi>v</mi><mo>¯</mo></mover>");
}

TEST_CASE("book: no equation of a head is left as raw text") {
  std::vector<std::string> raw;
  for (const OptimizerEntry& entry : optimizers()) {
    const std::vector<HeadLine> lines = head_lines(entry.text.equations);
    const KnownNames known = known_names(lines, option_words(entry));
    for (const HeadLine& line : lines) {
      if (line.remark) continue;
      const std::string set = set_line(line.text, known);
      CHECK_MESSAGE(markup_problem("<p>" + set + "</p>") == "", line.text);
      std::string prose;  // what stands outside of formulas
      for (size_t at = 0; at < set.size();) {
        const size_t open = std::min(set.find('<', at), set.size());
        prose += set.substr(at, open - at);
        if (set.compare(open, 5, "<math") == 0)
          at = set.find("</math>", open) + 7;
        else
          at = open == set.size() ? open : set.find('>', open) + 1;
      }
      for (const char* entity : {"&quot;", "&#39;", "&amp;"})
        for (size_t at = prose.find(entity); at != std::string::npos; at = prose.find(entity))
          prose.erase(at, std::string(entity).size());
      for (size_t at = prose.find(".h "); at != std::string::npos; at = prose.find(".h "))  // names of files
        prose.erase(prose.rfind(' ', at) + 1, at + 2 - prose.rfind(' ', at) - 1);
      if (prose.find_first_of("=*^_+|") != std::string::npos || prose.find("&lt;") != std::string::npos ||
          set.find("<mo>*</mo>") != std::string::npos || set.find("<mo>ˆ</mo>") != std::string::npos)
        raw.push_back(entry.text.name + ": " + line.text);
    }
  }
  CHECK_MESSAGE(raw.empty(), joined_lines(raw));
}

TEST_CASE("book: every symbol of a rule's equations occurs in its code, or its head explains it") {
  // What every page explains below its equations.
  const std::set<std::string> convention = {"w", "W", "g", "G", "t", "L", "H", "I", "i", "lr"};
  // Sizes of a matrix or tensor, and momo's name of its preconditioner in a line that says how it is used.
  const std::set<std::string> exceptions = {
      "lanton in", "scion out", "momo D", "momo-adam D", "coordinate-clipping n", "gradient-mask N"};
  std::map<std::string, std::set<std::string>> words_of;  // of a file and what of optim/ it includes
  const Sources& sources = book_sources();
  const std::function<void(const std::string&, std::set<std::string>&, std::set<std::string>&)> collect =
      [&](const std::string& file, std::set<std::string>& words, std::set<std::string>& seen) {
        if (!sources.has(file) || !seen.insert(file).second) return;
        const std::string& text = sources.text(file);
        for (const std::string& word : code_words(text)) words.insert(word);
        for (size_t at = text.find("#include \"optim/"); at != std::string::npos;
             at = text.find("#include \"optim/", at + 1)) {
          const std::string header = text.substr(at + 10, text.find('"', at + 10) - at - 10);
          if (header.find('/') == header.rfind('/')) continue;  // the interface itself
          collect(header, words, seen);
          collect(header.substr(0, header.size() - 1) + "cpp", words, seen);
        }
      };
  std::vector<std::string> missing;
  for (const OptimizerEntry& entry : optimizers()) {
    std::set<std::string>& words = words_of[entry.text.source];
    if (words.empty()) {
      std::set<std::string> seen;
      collect(entry.text.source, words, seen);
    }
    const std::vector<HeadLine> lines = head_lines(entry.text.equations);
    const KnownNames known = known_names(lines, option_words(entry));
    const KnownNames defined = known_names(lines, {});
    for (const HeadLine& line : lines) {
      if (line.remark) continue;
      for (const std::string& symbol : symbols_of(line.text, known)) {
        const std::string key = entry.text.name + " " + symbol;
        const std::string base = symbol.substr(0, symbol.find('_'));
        if (words.contains(symbol) || known.contains(symbol) || convention.contains(symbol) ||
            exceptions.contains(key))
          continue;
        // m_i, beta_j: an element of what the code has
        if (symbol.find('_') != std::string::npos &&
            (words.contains(base) || defined.contains(base) || convention.contains(base)))
          continue;
        if (defined.contains(symbol + "_i") || defined.contains(symbol + "_ij") ||
            defined.contains(base + "_i"))
          continue;
        missing.push_back(key + " in: " + line.text);
      }
    }
  }
  CHECK_MESSAGE(missing.empty(), joined_lines(missing));
  CHECK(exceptions.size() <= 10);
}

TEST_CASE("book: lines that assign a variable") {
  const std::string code =
      "real m = 0;  // v = 3\nm += g;\nif (m == 2) s(\"v\");\nw -= lr * m;\nconst Ema first(o.beta1);\np.m = "
      "4;\nx[i] *= 2;\nreturn first(m);\n";
  CHECK(assigned_lines(bare_code(code), "m") == std::vector<int>{1, 2});
  CHECK(assigned_lines(bare_code(code), "w") == std::vector<int>{4});
  CHECK(assigned_lines(bare_code(code), "first") == std::vector<int>{5});
  CHECK(assigned_lines(bare_code(code), "x") == std::vector<int>{7});
  CHECK(assigned_lines(bare_code(code), "v").empty());
  CHECK(assigned_names("  QL, QR = eigenvectors of L;  w <- w - lr*m") ==
        std::vector<std::string>{"QR", "QL", "w"});
  const std::string view = code_view("int a = 1;  // one\n\"text\";\n").str();
  CHECK(view.find("<span class=\"l\" id=\"L1\"><b>1</b><i class=\"k\">int</i> a = <i class=\"n\">1</i>;  <i "
                  "class=\"c\">// one</i>\n</span>") != std::string::npos);
  CHECK(view.find("<span class=\"l\" id=\"L2\"><b>2</b><i class=\"s\">&quot;text&quot;</i>;\n</span>") !=
        std::string::npos);
}

TEST_CASE("book: READMEs") {
  const LinkTarget target = [](const std::string& words) {
    return words == "a.h" ? std::string("x.html") : std::string();
  };
  CHECK(markdown("# Title\n\nSee `a.h` and *this*, [b](b.md).\n", target).str() ==
        "<p>See <a href=\"x.html\"><code>a.h</code></a> and <em>this</em>, b.</p>\n");
  CHECK(markdown("# T\n## Two\n- one\n  more\n- two\n", target).str() ==
        "<h2 id=\"Two\">Two</h2>\n<ul><li>one more</li>\n<li>two</li>\n</ul>\n");
  CHECK(markdown("# T\n| a | `x|y` |\n|---|---|\n| 1 | **2** |\n", target).str() ==
        "<div class=\"scroll\" tabindex=\"0\"><table><tr><th> a </th><th> <code>x|y</code> "
        "</th></tr>\n<tr><td> 1 </td><td> <strong>2</strong> </td></tr>\n</table></div>\n");
  CHECK(markdown("# T\n```sh\na < b\n```\n", target).str().find("<code>a &lt; b\n</code>") !=
        std::string::npos);
}

TEST_CASE("book: every registry entry has a page") {
  const std::set<std::string> pages = book_page_paths(book_sources());
  std::vector<std::string> missing;
  const auto want = [&](const std::string& folder, const std::string& name) {
    if (!pages.contains(entry_page(folder, name))) missing.push_back(folder + "/" + name);
  };
  for (const auto& e : optimizers()) want("optim", e.text.name);
  for (const auto& e : schedules()) want("schedule", e.name);
  for (const auto& e : server_rules()) want("server", e.name);
  for (const auto& e : gradient_methods()) want("gradient", e.name);
  for (const auto& e : losses()) want("loss", e.name);
  for (const auto& e : models()) want("model", e.name);
  for (const auto& e : primitives()) want("primitive", e.primitive->name);
  for (const auto& e : datasets()) want("data", e.name);
  for (const auto& e : environments()) want("environment", e.name);
  for (const auto& e : partitions()) want("partition", e.name);
  for (const auto& e : sample_selectors()) want("selector", e.name);
  for (const auto& e : query_strategies()) want("strategy", e.name);
  for (const auto& e : adapters()) want("adapter", e.name);
  for (const auto& e : learners()) want("continual", e.name);
  for (const auto& e : task_kinds()) want("tasks", e.name);
  for (const auto& e : drift_patterns()) want("drift", e.name);
  for (const auto& e : samplers()) want("sampler", e.name);
  for (const auto& e : guidances()) want("guidance", e.name);
  for (const auto& e : skip_policies()) want("skip", e.name);
  for (const auto& e : transforms()) want("augmentation", e.name);
  for (const auto& e : corruptions()) want("corruption", e.name);
  for (const auto& e : adaptations()) want("adaptation", e.name);
  for (const auto& e : attacks()) want("attack", e.name);
  for (const auto& e : image_views()) want("view", e.name);
  for (const auto& e : ranking_losses()) want("ranking", e.name);
  for (const auto& e : papers()) want("paper", e.slug);
  for (const char* layer : {"Linear", "Conv2d", "Norm", "MultiHeadAttention", "LSTM"}) want("layer", layer);
  for (const char* room : {"core", "optim/rules", "apps/papers", "gradus", "apps/labs/01-scalar-engine",
                           "apps/labs/12-reproduce-a-paper"})
    want("room", room);
  CHECK_MESSAGE(missing.empty(), joined_lines(missing));
}

TEST_CASE("book: a small selection as files, by the command") {
  const TempDir dir;
  const std::string root = tests_dir().parent_path().string();
  const Output out =
      run({"book", "--out", dir / "book", "--sources", root, "--only", "*adabelief*", "--quiet", "--json"});
  CHECK(out.code == 0);
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "book"))
    if (entry.is_regular_file())
      files[std::filesystem::relative(entry.path(), dir / "book").generic_string()] =
          dir.read("book/" + std::filesystem::relative(entry.path(), dir / "book").generic_string());
  CHECK_MESSAGE(site_problems(files).empty(), joined_lines(site_problems(files)));
  const std::string& page = files["optim/adabelief.html"];
  CHECK(markup_problem(page) == "");
  CHECK(page.find("id=\"L7\"") != std::string::npos);
  CHECK(page.find("steps by how far gradients deviate from their mean") != std::string::npos);
  CHECK(page.find("<code>adabelief--amsgrad</code>") != std::string::npos);
  CHECK(page.find("href=\"../paper/adabelief.html\"") != std::string::npos);
  CHECK(page.find("<a href=\"#L") != std::string::npos);
  CHECK(files.contains("paper/adabelief.html"));
  CHECK(files["index.js"].find("[\"adabelief\",\"optim/adabelief.html\",\"optimizers\",") !=
        std::string::npos);
  CHECK_THROWS_WITH_AS(run({"book", "--out", dir / "book", "--sources", dir / "none", "--quiet"}),
                       doctest::Contains("no sources of gradus in"), DataError);
  CHECK_THROWS_WITH_AS(run({"book", "--out", dir / "book", "--sources", root, "--only", "nosuch", "--quiet"}),
                       doctest::Contains("matches 'nosuch'"), UsageError);
}

TEST_CASE("book: paths at the best of one grid of step sizes") {
  const PlanePath sgd = plane_path("sgd", plane_view("ravine"));
  REQUIRE(sgd.sweep.size() == path_rates().size());
  CHECK(sgd.x[0] == doctest::Approx(1.5));
  CHECK(sgd.y[0] == doctest::Approx(1));
  // On (x^2 + 100 y^2)/2 gradient descent is x (1 - lr)^200, y (1 - 100 lr)^200: 1e-2 is the best that does not diverge.
  CHECK(sgd.lr == 0.01);
  CHECK(sgd.loss == doctest::Approx(0.5 * 1.5 * 1.5 * std::pow(0.99, 400)).epsilon(1e-3));
  CHECK(sgd.sweep[2] == doctest::Approx(0.5 * 1.5 * 1.5 * std::pow(0.999, 400)).epsilon(1e-3));
  CHECK(std::isinf(sgd.sweep[5]));
  const PlanePath given = plane_path("sgd:lr=0.001", plane_view("ravine"));
  CHECK(given.lr == 0.001);
  CHECK(given.sweep.empty());
  CHECK(given.loss == doctest::Approx(sgd.sweep[2]));
  CHECK(plane_path("lookahead", plane_view("ravine")).sweep.size() == path_rates().size());
  CHECK(plane_path("egn", plane_view("ravine")).why.starts_with("asks for"));
  const PathTable table{{"sgd", {{"ravine", sgd}}}};
  const PathTable back = paths_from_text(paths_text(table), "here");
  CHECK(back.at("sgd").at("ravine").lr == 0.01);
  CHECK(back.at("sgd").at("ravine").x.size() == sgd.x.size());
  CHECK(std::isinf(back.at("sgd").at("ravine").sweep[5]));
  CHECK_THROWS_WITH_AS(paths_from_text("{}", "here"), doctest::Contains("here: expected recorded paths"),
                       DataError);

  const TempDir dir;
  const Output out =
      run({"optim", "plot", "adam", "sgd:lr=1e-3", "--problem", "saddle", "--out", dir / "saddle.svg"});
  CHECK(out.text.find("sgd:lr=1e-3  0.001") != std::string::npos);
  CHECK(markup_problem(dir.read("saddle.svg")) == "");
  CHECK_THROWS_AS(run({"optim", "plot", "adam", "--problem", "rosenbrok"}), UsageError);
}

TEST_CASE("book: recorded paths are of the optimizers there are") {
  if (!std::filesystem::is_regular_file(std::filesystem::path(book_sources().root()) / kRecordedPaths)) {
    MESSAGE("no recorded paths: gradus book record computes them");
    return;  // pages are made without them
  }
  const PathTable paths = paths_from_text(book_sources().text(kRecordedPaths), kRecordedPaths);
  std::vector<std::string> missing;
  for (const OptimizerEntry& entry : optimizers())
    if (!paths.contains(entry.text.name) || paths.at(entry.text.name).size() != kBookProblems)
      missing.push_back(entry.text.name);
  CHECK_MESSAGE(missing.empty(), joined_lines(missing), "gradus book record computes them");
  CHECK(paths.size() == optimizers().size());
  // Recorded by this program: SGD's on the ravine is gradient descent's.
  CHECK(paths.at("sgd").at("ravine").lr == 0.01);
}

TEST_CASE("book: curves of the loss over the step size") {
  const RateCurve sgd = rate_curve("sgd");
  REQUIRE(sgd.loss.size() == path_rates().size());
  // A step of 1e-4 leaves the loss of ten even classes nearly where it was; one of 0.1 learns.
  CHECK(sgd.loss[0] == doctest::Approx(std::log(10.0)).epsilon(0.15));
  CHECK(sgd.loss[6] < 0.5 * sgd.loss[0]);
  CHECK(rate_curve("sgd:lr=1e-4").loss.at(0) == doctest::Approx(sgd.loss[0]).epsilon(1e-12));
  const RateCurves table{{"sgd", {{1, 0.25, INFINITY, 3, 4, 5, 6, 7, 8, 9}, ""}},
                         {"x", {{}, "asks for more"}}};
  const RateCurves back = rate_curves_from_text(rate_curves_text(table), "here");
  CHECK(back.at("sgd").loss[1] == 0.25);
  CHECK(std::isinf(back.at("sgd").loss[2]));
  CHECK(back.at("x").why == "asks for more");
  CHECK_THROWS_WITH_AS(rate_curves_from_text("{}", "here"),
                       doctest::Contains("here: expected recorded curves"), DataError);
  CHECK_THROWS_WITH_AS(
      rate_curves_from_text(R"({"format":"gradus-sensitivity-1","optimizers":{"adam":[1,2]}})", "here"),
      doctest::Contains("adam has 2 losses for 10 step sizes"), DataError);
}

TEST_CASE("book: recorded curves are of the optimizers there are") {
  if (!std::filesystem::is_regular_file(std::filesystem::path(book_sources().root()) / kRecordedCurves)) {
    MESSAGE("no recorded curves: gradus book record computes them");
    return;  // pages are made without them
  }
  const RateCurves curves = rate_curves_from_text(book_sources().text(kRecordedCurves), kRecordedCurves);
  std::vector<std::string> missing;
  for (const OptimizerEntry& entry : optimizers())
    if (!curves.contains(entry.text.name)) missing.push_back(entry.text.name);
  CHECK_MESSAGE(missing.empty(), joined_lines(missing), "gradus book record computes them");
  CHECK(curves.size() == optimizers().size());
}

TEST_SUITE("slow") {
  TEST_CASE("book: the whole has no dead link, loads nothing from outside and is well-formed") {
    const std::map<std::string, std::string> files =
        make_book(book_sources(), "*", [](const std::string&) {});
    CHECK_MESSAGE(site_problems(files).empty(), joined_lines(site_problems(files)));
    size_t bytes = 0;
    std::vector<std::string> bad;
    for (const auto& [path, text] : files) {
      bytes += text.size();
      if (!path.ends_with(".html")) continue;
      if (const std::string problem = markup_problem(text); !problem.empty())
        bad.push_back(path + ": " + problem);
    }
    CHECK_MESSAGE(bad.empty(), joined_lines(bad));
    CHECK(bytes < 40'000'000);
  }
}

}  // namespace gradus::tests
