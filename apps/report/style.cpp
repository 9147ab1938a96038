#include "apps/report/style.h"

#include <fmt/format.h>

namespace gradus {
namespace {

constexpr int kLooks = static_cast<int>(kSeriesLooks.size());

std::string variables(bool dark) {
  std::string css =
      dark ? fmt::format(
                 ":root{{--paper:{};--ink:#e8e9ec;--soft:#a8acb5;--rule:#3a3e47;--panel:#1f2229;"
                 "--link:#7dbdf0;--good:#4fd1a5;--bad:#f58a5a;--flat:#c5c8ce;color-scheme:dark;",
                 kPaperDark)
           : fmt::format(
                 ":root{{--paper:{};--ink:#1b1d22;--soft:#5c616b;--rule:#d5d8de;--panel:#f4f5f7;"
                 "--link:#005a9c;--good:#00694c;--bad:#a83d00;--flat:#555a63;color-scheme:light;",
                 kPaperLight);
  for (int i = 0; i < kLooks; ++i) {
    const SeriesLook& look = kSeriesLooks[static_cast<std::size_t>(i)];
    css += fmt::format("--c{}:{};", i, dark ? look.dark : look.light);
  }
  return css + "}\n";
}

}  // namespace

int series_colour(int i) { return i % kLooks; }
// One further for every round, so that equal colours differ in dash and marker.
const char* series_dash(int i) {
  return kSeriesLooks[static_cast<std::size_t>((i + i / kLooks) % kLooks)].dash;
}
int series_marker(int i) { return (i + i / kLooks) % kLooks; }

std::string plot_style() {
  std::string css =
      variables(false) + "@media screen and (prefers-color-scheme:dark){" + variables(true) + "}\n";
  css +=
      R"(.plot{font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}
.plot .paper{fill:var(--paper)}
.plot .title{font-size:14px;font-weight:600}
.plot .label{fill:var(--soft)}
.plot .tick{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}
.plot .grid{fill:none;stroke:var(--rule);stroke-width:.8}
.plot .minor{fill:none;stroke:var(--rule);stroke-width:.8}
.plot .edge{fill:none;stroke:var(--soft);stroke-width:1}
.plot .line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}
.plot .band{fill:currentColor;opacity:.17}
.plot .whisker{fill:none;stroke:currentColor;stroke-width:1.4}
.plot .marks{fill:currentColor;stroke:currentColor;stroke-width:1.2}
.plot .dots{fill:none;stroke:currentColor;stroke-width:3.6;stroke-linecap:round;opacity:.55}
.plot .lost{fill:none;stroke:var(--paper);stroke-width:5}
.plot .lost+.lost{stroke:currentColor;stroke-width:2.4}
.plot .bar{fill:currentColor;opacity:.75}
.plot .on-bar{fill:none;stroke:var(--ink);stroke-width:1.3}
.plot .reference{fill:none;stroke:var(--soft);stroke-width:1.2;stroke-dasharray:4 3}
)";
  for (int i = 0; i < kLooks; ++i) css += fmt::format(".plot .c{0}{{color:var(--c{0})}}", i);
  return css + "\n";
}

std::string page_style() {
  return R"(*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
main{max-width:74rem;margin:0 auto;padding:1rem clamp(.8rem,3vw,2rem) 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:.6rem 0}
h2{font-size:1.3rem;line-height:1.25;margin:2.6rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--rule)}
h3{font-size:1.02rem;margin:1.5rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem}
a{color:var(--link)}
h2>a,h3>a{color:inherit;text-decoration:none}
h2>a:hover,h3>a:hover{text-decoration:underline}
.soft{color:var(--soft)}
.scroll{overflow-x:auto;max-width:100%;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.28rem .8rem .28rem 0;border-bottom:1px solid var(--rule)}
td.n,th.n{text-align:right;white-space:nowrap}
thead th{border-bottom:1.5px solid var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:500;min-width:7rem}
.grid-table tbody th{min-width:0}
td code,tbody th code{white-space:nowrap}
tr.group th{padding-top:1.1rem;font-weight:600}
.grid-table{font-size:.82rem}
.grid-table td,.grid-table th{padding:.2rem .4rem;border:1px solid var(--rule);text-align:center;white-space:nowrap}
.grid-table td.shade{background:color-mix(in srgb,var(--tone,var(--c0)) calc(var(--s)*1%),transparent);print-color-adjust:exact}
.verdict{white-space:nowrap;font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}.flat{color:var(--flat)}
.note{border-left:4px solid var(--c4);background:var(--panel);padding:.5rem .8rem;max-width:46rem;margin:.8rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,23rem),1fr));gap:1.2rem;margin:.8rem 0}
figure{margin:0;max-width:36rem;break-inside:avoid}
figure svg{display:block;width:100%;height:auto}
figcaption{font-size:.85rem;color:var(--soft)}
pre{background:var(--panel);padding:.6rem .8rem;overflow-x:auto;font-size:.85rem;line-height:1.4;max-width:100%}
pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--link)}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;list-style:none;padding:0;margin:.6rem 0}
.tiles li{width:7.2rem;font-size:.8rem;line-height:1.3;break-inside:avoid}
.tiles img{display:block;width:7.2rem;height:auto;image-rendering:pixelated;border:1px solid var(--rule);margin-bottom:.2rem}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}h2{break-after:avoid}h3{break-after:avoid}
.scroll,pre{overflow:visible}pre{white-space:pre-wrap}table{font-size:8.5pt}tr{break-inside:avoid}a{color:inherit}}
)";
}

}  // namespace gradus
