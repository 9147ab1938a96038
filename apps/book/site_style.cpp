// How the book looks, and its search box.
#include "apps/book/site.h"
#include "apps/report/style.h"

namespace gradus {

std::string book_style() {
  return plot_style() + page_style() +
         R"(:root{--code-k:#7a2fa0;--code-c:#5f6b62;--code-s:#a1401a;--code-n:#0b6a8f;--code-t:#1c5d99;--code-p:#8a5a00;--mark:#fff3c4}
@media screen and (prefers-color-scheme:dark){:root{--code-k:#c79bf0;--code-c:#93a196;--code-s:#f0a27a;--code-n:#6cc5e8;--code-t:#8fc1f5;--code-p:#e2b45e;--mark:#4a4020}}
main{max-width:96rem}
nav.top{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:baseline;padding:.5rem clamp(.8rem,3vw,2rem);border-bottom:1px solid var(--rule);background:var(--panel)}
nav.top a{text-decoration:none}
nav.top a+a:before{content:"/";color:var(--soft);margin-right:1rem}
#search{margin-left:auto;position:relative}
#search[hidden]{display:none}
#search input{font:inherit;width:13rem;max-width:60vw;padding:.15rem .5rem;border:1px solid var(--rule);background:var(--paper);color:var(--ink)}
#found{position:absolute;right:0;top:2.1rem;z-index:2;width:min(30rem,88vw);max-height:70vh;overflow:auto;background:var(--paper);border:1px solid var(--rule);box-shadow:0 4px 18px #0004}
#found:empty{display:none}
#found a{display:block;padding:.3rem .7rem;border-bottom:1px solid var(--rule)}
#found a:before{content:none!important}
#found a:hover,#found a:focus{background:var(--panel)}
#found small{display:block;color:var(--soft)}
.lead{font-size:1.12rem}
.kinds a{margin-right:.9rem;white-space:nowrap}
.next{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--rule);max-width:none}
ul.entries{columns:24rem;column-gap:2.5rem;padding-left:1.1rem}
ul.entries li{break-inside:avoid;margin:.15rem 0}
.beside{display:grid;grid-template-columns:minmax(0,1fr);gap:0 2.2rem}
@media (min-width:1080px){.beside{grid-template-columns:minmax(0,46fr) minmax(0,54fr)}.beside>.right{position:sticky;top:.5rem;align-self:start;max-height:97vh;overflow:auto}}
math{font-size:1.08em;max-width:100%}
.eq{overflow-x:auto;overflow-y:hidden;padding:.32rem 0;line-height:1.9}
.eq.in1{padding-left:1.6rem}.eq.in2{padding-left:3.2rem}
.eq .lines{font-size:.78rem;margin-left:.8rem;white-space:nowrap}
.eq .gap{display:inline-block;width:1.8rem}
pre.code{padding:.5rem 0;line-height:1.38}
pre.code code{display:inline-block;min-width:100%}
pre.code .l{display:block;padding-right:.8rem}
pre.code .l:target{background:var(--mark)}
pre.code b{display:inline-block;width:3.4em;padding-right:1em;text-align:right;font-weight:400;color:var(--soft);user-select:none}
pre.code i{font-style:normal}
pre.code .k{color:var(--code-k)}pre.code .c{color:var(--code-c)}pre.code .s{color:var(--code-s)}pre.code .n{color:var(--code-n)}pre.code .t{color:var(--code-t)}pre.code .p{color:var(--code-p)}
.rooms text{font-size:15px;text-anchor:middle}
.rooms rect{fill:var(--panel);stroke:var(--soft)}
.rooms a rect:hover{stroke:var(--link)}
.rooms .arrow{fill:none;stroke:var(--soft);stroke-width:1.4}
.rooms .head{fill:var(--soft)}
@media print{nav.top,.next{display:none}.beside{display:block}.beside>.right{max-height:none!important;overflow:visible!important}pre.code .l{white-space:pre-wrap}}
)";
}

std::string search_script() {
  return R"JS(// The search box: every word typed must occur in title, kind or summary; titles that begin with it come first.
(function () {
  var root = document.currentScript.getAttribute('data-root');
  var box = document.getElementById('search'), input = box.querySelector('input'), found = document.getElementById('found');
  box.hidden = false;
  var asked = false;
  function load() {
    if (asked) return;
    asked = true;
    var script = document.createElement('script');
    script.src = root + 'index.js';
    script.onload = show;
    document.head.appendChild(script);
  }
  function rank(title, words) {
    if (title === words[0]) return 0;
    if (title.indexOf(words[0]) === 0) return 1;
    return title.indexOf(words[0]) > 0 ? 2 : 3;
  }
  function show() {
    found.textContent = '';
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length || typeof gradusIndex === 'undefined') return;
    gradusIndex.map(function (e, i) { return { e: e, i: i, text: (e[0] + ' ' + e[2] + ' ' + e[3]).toLowerCase() }; })
      .filter(function (c) { return words.every(function (w) { return c.text.indexOf(w) >= 0; }); })
      .map(function (c) { c.rank = rank(c.e[0].toLowerCase(), words); return c; })
      .sort(function (a, b) { return a.rank - b.rank || a.i - b.i; })
      .slice(0, 40)
      .forEach(function (c) {
        var a = document.createElement('a'), small = document.createElement('small');
        a.href = root + c.e[1];
        a.textContent = c.e[0];
        small.textContent = c.e[2] + (c.e[3] ? ': ' + c.e[3] : '');
        a.appendChild(small);
        found.appendChild(a);
      });
  }
  input.addEventListener('focus', load);
  input.addEventListener('input', function () { load(); show(); });
  input.addEventListener('keydown', function (event) {
    if (event.key === 'Escape') { input.value = ''; show(); }
    if (event.key === 'Enter' && found.firstChild) location.href = found.firstChild.href;
  });
})();
)JS";
}

}  // namespace gradus
