"use strict";
// What is drawn when: the table at once, other sections when they come near, see `report.whenNear`.
(() => {
  const due = report.due;
  const near = new Set();
  const watch = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
    if (near.has(target.id)) return;
    near.add(target.id);
    due.get(target.id)();
  }), { rootMargin: "600px" });
  report.whenShown(() => { const again = [...near]; near.clear(); again.forEach((id) => { near.add(id); due.get(id)(); }); });

  const select = document.getElementById("board-select");
  select?.addEventListener("change", () => report.show(Number(select.value)));
  const address = report.address();
  const wish = Number(address.get("data") ?? 0);
  const index = report.boards[wish] ? wish : 0;
  if (select) select.value = String(index);
  report.show(index);
  for (const id of due.keys()) watch.observe(document.getElementById(id));
  if (address.has("pair")) document.getElementById("pictures").scrollIntoView();
  let width = innerWidth;
  addEventListener("resize", () => { if (Math.abs(innerWidth - width) > 40 && near.has("plots")) { width = innerWidth; due.get("plots")(); } });
  document.documentElement.dataset.ready = "yes";
})();
