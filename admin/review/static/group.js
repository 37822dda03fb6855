// Counts a group's conditions while staff are picked; the server computes them again on every save.
"use strict";
(function () {
  const live = document.getElementById("live");
  const boxes = Array.from(document.querySelectorAll("input[data-joins]"));
  const all = document.getElementById("all");
  const english = document.documentElement.lang === "en";
  if (!live || !boxes.length) return;

  function count() {
    const picked = boxes.filter((box) => box.checked);
    const joins = picked.filter((box) => box.dataset.joins === "1").length;
    const joined = joins + Number(live.dataset.covered);
    const base = Number(live.dataset.base);
    const missing = Math.max(
      Number(live.dataset.least) - joined,
      Math.ceil((Number(live.dataset.percent) * base) / 100) - joined,
      0
    );
    const share = base ? Math.floor((joined * 100) / base) : 0;
    live.textContent = english
      ? `${picked.length} picked, ${joins} can join; with those covered ${joined} of ${base} (${share}%). ` +
        (missing ? `${missing} missing.` : "The conditions are met.")
      : `已选 ${picked.length} 人,可参保 ${joins} 人;连同已在保共 ${joined}/${base} 人(${share}%)。` +
        (missing ? `还差 ${missing} 人。` : "已达到团体条件。");
  }

  if (all) {
    all.addEventListener("change", function () {
      for (const box of boxes) if (box.dataset.joins === "1" || box.dataset.asks === "1") box.checked = all.checked;
      count();
    });
  }
  for (const box of boxes) box.addEventListener("change", count);
  count();
})();
