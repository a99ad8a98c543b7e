"""The style and the script of the plan's page: constants, in which nothing of a repository ever stands."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--create:#2da44e;--update:#bf8700;--replace:#8250df;
--prune:#e0703a;--blocked:#c00020;--unknown:#0a7ea4;--orphan:#768390;--unchanged:#8c959f55}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0}
main{margin:0 auto;max-width:72rem;padding:1.5rem 1rem 4rem}
h1{font-size:1.4rem;line-height:1.3;margin:0 0 1rem}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}
h3{font-size:.9rem;margin:0;overflow-wrap:anywhere}
ul{margin:.3rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere;margin:.2rem 0}
small{opacity:.7;font-weight:400}
.note{border-left:4px solid var(--update);background:var(--soft);padding:.4rem .8rem;margin:.3rem 0;
overflow-wrap:anywhere}
.look,.drift{border:1px solid var(--line);border-radius:8px;padding:.2rem 1rem .6rem;margin:1rem 0}
.look{border-color:var(--prune)}.look h2,.drift h2{margin:.6rem 0 .3rem}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:.8rem 0;font-size:.85rem}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:.35rem;vertical-align:-1px}
.boxes{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));gap:.7rem}
.box{border:1px solid var(--line);border-radius:8px;padding:.6rem .7rem;min-width:0}
.box:only-child{grid-column:1/-1}
.owner{font-size:.75rem;opacity:.7;margin:0;overflow-wrap:anywhere}
.map{display:flex;flex-wrap:wrap;gap:3px;margin-top:.45rem}
.map>*{width:14px;height:14px;border-radius:3px;display:block}.map a:hover{outline:2px solid currentColor}
.map .dim{opacity:.12}
input{font:inherit;width:100%;padding:.5rem .8rem;margin:1.4rem 0 0;border:1px solid var(--line);border-radius:8px;
background:var(--soft);color:inherit}
details,div[data-name]{border:1px solid var(--line);border-left-width:5px;border-radius:6px;margin:.35rem 0;
padding:.35rem .7rem;overflow-wrap:anywhere;content-visibility:auto;contain-intrinsic-size:auto 2.3rem}
div[data-name]{padding-left:1.75rem}
details:target,div[data-name]:target{outline:2px solid var(--update)}
summary{cursor:pointer}
.sign{font-family:ui-monospace,monospace;display:inline-block;width:1.1em}
.tag{border:1px solid var(--line);border-radius:1em;padding:0 .5em;font-size:.75rem}
pre,code{font:.82rem/1.5 ui-monospace,monospace}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0 .2rem}
[hidden]{display:none!important}
.create{--c:var(--create)}.update{--c:var(--update)}.replace{--c:var(--replace)}.prune{--c:var(--prune)}
.blocked{--c:var(--blocked)}.unknown{--c:var(--unknown)}.orphan{--c:var(--orphan)}.unchanged{--c:var(--unchanged)}
.legend i.blocked,.map>.blocked{border-radius:50%}
.legend i,.map>*{background:var(--c)}details,div[data-name]{border-left-color:var(--c)}
@media(prefers-color-scheme:dark){:root{--blocked:#ff4d5e;--prune:#e5735b;--create:#3fb950;--update:#d29922;
--replace:#a371f7;--unknown:#39a5c9}body{background:#14171c;color:#dfe3e8}}
"""
SCRIPT = """
const find=document.getElementById('find'),all=[...document.querySelectorAll('[data-name]')],
squares=[...document.querySelectorAll('.map>*')],count=document.getElementById('count');
function search(){const words=find.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
const has=t=>words.every(w=>t.includes(w));
for(const d of all){const ok=has(d.dataset.name);d.hidden=!ok;n+=ok}
for(const s of squares){const d=s.hash&&document.getElementById(s.hash.slice(1));
s.classList.toggle('dim',!has(d?d.dataset.name:s.title.toLowerCase()))}
document.getElementById('nothing').hidden=n>0||!words.length;
count.textContent=words.length?n+' of '+all.length:all.length}
if(find){find.addEventListener('input',search);search()}
for(const a of document.querySelectorAll('.map a'))a.addEventListener('click',()=>{
const d=document.getElementById(a.hash.slice(1));if(d){d.hidden=false;d.open=true}});
"""
