// Pages: markup that is well-formed and asks nothing of the network; the report of papers made of records by hand.
#include "apps/report/page.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "apps/papers/report_page.h"
#include "apps/papers/report_text.h"
#include "core/error.h"
#include "tests/apps/markup_check.h"
#include "tests/temp_dir.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

Outcome outcome(double accuracy, double loss, std::vector<double> curve) {
  Outcome o;
  o.metrics = {{"test_accuracy", accuracy}, {"test_loss", loss}};
  o.curves["test_loss"] = {"epoch", {1, 2, 3}, std::move(curve)};
  o.seconds = 2;
  return o;
}

Record made_record(const std::string& slug, Verdict verdict) {
  Record r;
  r.slug = slug;
  r.command = "gradus papers run " + slug;
  r.version = "0.1.0";
  r.machine = "a <machine>";
  r.verdict = verdict;
  r.seeds = {0, 1, 2};
  r.minutes = 1.25;
  r.claims.push_back({.text = "higher accuracy than Adam",
                      .kind = "better",
                      .arms = {"ours", "adam"},
                      .metric = "test_accuracy",
                      .margin = 0.001,
                      .verdict = verdict,
                      .estimate = 0.02,
                      .low = 0.0123,
                      .high = 0.0277,
                      .p = 0.0004});
  ArmRecord ours{
      .name = "ours", .config = {{"lr", 0.1}, {"model", "mlp"}}, .command = "gradus train --optim 'a(b)'"};
  ours.tuned_for = "validation_accuracy";
  ours.trials = {{{{"lr", "0.1"}}, 0.9, false}, {{{"lr", "1"}}, std::nan(""), true}};
  ours.chosen = {{"lr", "0.1"}};
  ours.seeds = r.seeds;
  ours.outcomes = {outcome(0.91, 0.3, {1, 0.5, 0.3}), outcome(0.92, 0.31, {1.1, 0.6, 0.4}),
                   outcome(0.93, 0.29, {0.9, 0.4, 0.2})};
  ours.warnings = {"lr = 0.1 is the end of its grid"};
  ArmRecord adam = ours;
  adam.name = "adam";
  adam.config["lr"] = 0.2;
  adam.warnings.clear();
  adam.outcomes[2] = Outcome{
      .curves = {{"test_loss", {"epoch", {1}, {5}}}}, .diverged = true, .note = "the loss is nan at step 9"};
  r.arms = {ours, adam};
  return r;
}

Paper made_paper(const std::string& slug, const std::string& family) {
  return {.slug = slug,
          .family = family,
          .title = "On " + slug,
          .authors = "Noether & Hilbert",
          .venue = "Annalen",
          .year = 1918,
          .arxiv = "1234.56789",
          .idea = "Symmetry < conservation.",
          .equations = "w = w - lr*g"};
}

}  // namespace

TEST_CASE("page: escaped text, anchors, links of known schemes alone, tables that scroll") {
  const std::string text = html::page(
      "A & B",
      html::heading(2, "Scores <1>", "scores") + html::paragraph(html::link("x", "javascript:alert(1)")) +
          html::paragraph(html::link("y", "https://arxiv.org/abs/1?a=b&c")) + html::link("z", "#scores") +
          html::details("more", html::list({html::text("a"), html::soft("b")})) +
          html::table(
              {.caption = "c",
               .head = {html::cell("a"), html::number("b")},
               .rows = {{{.content = html::text("group"), .span = 2}},
                        {html::row_head(html::code("r")), {.content = html::text("1"), .shade = 0.5}}}}) +
          html::tiles({{Image{1, 1, 2, {0, 255}}, "two \"pixels\"", html::text("t")}}) +
          html::preformatted("a\n  b < c"));
  CHECK(markup_problem(text) == "");
  CHECK(text.find("javascript:") == std::string::npos);
  CHECK(text.find("<h2 id=\"scores\"><a href=\"#scores\">Scores &lt;1&gt;</a></h2>") != std::string::npos);
  CHECK(text.find("href=\"https://arxiv.org/abs/1?a=b&amp;c\"") != std::string::npos);
  CHECK(text.find("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"c\"><table>") !=
        std::string::npos);
  CHECK(text.find("style=\"--s:38\"") != std::string::npos);
  CHECK(text.find("src=\"data:image/png;base64,iVBORw0KGgo") != std::string::npos);
  for (const char* outside :
       {"<script", "src=\"http", "@import", "url(", "<iframe", "<link rel=\"stylesheet\""}) {
    CAPTURE(outside);
    CHECK(text.find(outside) == std::string::npos);
  }
  for (const char* there :
       {"<html lang=\"en\">", "name=\"viewport\"", "prefers-color-scheme:dark", "@media print"})
    CHECK(text.find(there) != std::string::npos);
}

TEST_CASE("page: base64 has the figures of RFC 4648") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64(std::string("\xff\xfe\x00", 3)) == "//4A");
}

TEST_CASE("papers report: metrics with their units") {
  CHECK(metric_text("test_accuracy", {0.91, 0.92, 0.93}) == "92.00 ± 1.00 %");
  CHECK(metric_text("test_loss", {0.3, 0.31, 0.29}) == "0.3 ± 0.01");
  CHECK(metric_text("test_loss", {std::nan("")}) == "–");
  CHECK(metric_text("test_accuracy", 0.02, true) == "+2.00 points");
  CHECK(metric_text("rounds", -3, true) == "-3");
  CHECK(spoken("test_accuracy") == "test accuracy");
}

TEST_CASE("papers report: an index by family, claims with figures, plots, arms, tuning, settings, commands") {
  const std::vector<Paper> known = {made_paper("alpha", "adaptive"), made_paper("beta", "adaptive"),
                                    made_paper("gamma", "losses")};
  const std::vector<Record> records = {made_record("gamma", Verdict::kNotShown),
                                       made_record("alpha", Verdict::kShown),
                                       made_record("other", Verdict::kWithinNoise)};
  const std::string text = papers_page(records, known, {"some/file.json: damaged"});
  CHECK(markup_problem(text) == "");
  for (const char* part : {"3 recorded experiments: 1 shown, 1 not shown, 1 within noise",
                           "<a href=\"#alpha\">alpha</a>",
                           "not run",
                           "not in this program",
                           "Noether &amp; Hilbert, Annalen 1918",
                           "href=\"https://arxiv.org/abs/1234.56789\"",
                           "Symmetry &lt; conservation.",
                           "ours: 92.00 ± 1.00 %<br />adam: 91.50 ± 0.71 %",
                           "+2.00 points",
                           "+1.23 points to +2.77 points",
                           "&lt; 0.001",
                           "margin 0.10 %",
                           "✓ shown",
                           "✗ not shown",
                           "≈ within noise",
                           "1 of 3 diverged",
                           "seed 2: the loss is nan at step 9",
                           "lr = 0.1 is the end of its grid",
                           ">chosen<",
                           "gradus train --optim &#39;a(b)&#39;",
                           "gradus papers run alpha",
                           "a &lt;machine&gt;",
                           "some/file.json: damaged",
                           "w = w - lr*g"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  // Sections in the registry's order, unknown ones last; each with bars of the claimed metric and its curve.
  CHECK(text.find("<h2 id=\"alpha\">") < text.find("<h2 id=\"gamma\">"));
  CHECK(text.find("<h2 id=\"gamma\">") < text.find("<h2 id=\"other\">"));
  CHECK(occurrences(text, "<svg ") == 2 * 3);
  CHECK(occurrences(text, "class=\"band\"") == 2 * 3);
  CHECK(text.size() < 60000);
  const std::string none = papers_page({}, {});
  CHECK(markup_problem(none) == "");
  CHECK(none.find("0 recorded experiments") != std::string::npos);
}

TEST_CASE("papers report: records are found below a folder; damaged ones are named, others passed over") {
  const TempDir dir;
  dir.write("a/result.json", record_text(made_record("alpha", Verdict::kShown)));
  dir.write("b/result.json", record_text(made_record("alpha", Verdict::kNotShown)));
  dir.write("c/result.json", "{\"format\": \"gradus-paper-result-1\", \"slug\": 3}");
  dir.write("d/config.json", "{\"data\": \"digits\"}");
  dir.write("d/broken.json", "{");
  dir.write("a/runs/ours/final-seed-0.json", record_text(made_record("hidden", Verdict::kShown)));
  std::vector<std::string> complaints;
  const auto records = records_below(dir.path(), complaints);
  REQUIRE(records.size() == 1);
  CHECK(records[0].slug == "alpha");
  CHECK(records[0].verdict == Verdict::kShown);
  REQUIRE(complaints.size() == 3);
  CHECK(complaints[0].find("another result of alpha") != std::string::npos);
  CHECK(complaints[1].find("c/result.json") != std::string::npos);
  CHECK(complaints[2].find("d/broken.json") != std::string::npos);
  CHECK_THROWS_AS(records_below(dir / "none", complaints), DataError);
}
