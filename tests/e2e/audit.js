// What a page owes everybody: a language, one heading, a name for every control, a contrast that can be read.
// Evaluates to a list of what is missing, in words; for tests/e2e/eyes.py.
(language) => {
  const wrong = [];
  const root = document.documentElement;
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && box.width > 1 && box.height > 1;
  };
  const told = (element) => `<${element.tagName.toLowerCase()}> “${(element.textContent || element.name || "").trim().slice(0, 30)}”`;

  if (root.lang !== language) wrong.push(`lang is ${root.lang}`);
  if (!document.title.trim()) wrong.push("no title");
  const headings = [...document.querySelectorAll("h1")].filter(shown);
  if (headings.length !== 1) wrong.push(`${headings.length} h1`);
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");

  const named = (element) => {
    const by = (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
    const words = [
      element.getAttribute("aria-label"),
      ...by.map((id) => document.getElementById(id)?.textContent),
      ...[...(element.labels || [])].map((label) => label.textContent),
      element.matches("a, button, summary") ? element.textContent : "",
      element.querySelector?.("img[alt]")?.alt,
      element.getAttribute("title"),
    ];
    return words.some((word) => word && word.trim());
  };
  for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href], summary, [role=dialog], nav")) {
    if (element.checkVisibility() && !named(element) && element.tagName !== "NAV") wrong.push(`no name: ${told(element)}`);
  }
  const navs = [...document.querySelectorAll("nav")].filter((nav) => nav.checkVisibility());
  if (navs.length > 1) for (const nav of navs) if (!named(nav)) wrong.push(`one nav of several without a name: ${told(nav)}`);
  for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) wrong.push(`no alt: ${image.src}`);
  for (const head of document.querySelectorAll("th")) if (!head.hasAttribute("scope")) wrong.push(`no scope: ${told(head)}`);
  for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) wrong.push(`tabindex ${element.tabIndex}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push(`two of #${id}`);
  const keys = [...document.querySelectorAll("[data-key]")].map((element) => element.dataset.key);
  for (const key of new Set(keys.filter((key, at) => keys.indexOf(key) !== at))) wrong.push(`two answer to the key ${key}`);
  for (const name of ["for", "aria-describedby", "aria-labelledby", "form"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      for (const id of element.getAttribute(name).split(/\s+/)) if (!document.getElementById(id)) wrong.push(`${name} leads nowhere: ${id}`);
    }
  }
  // WCAG 2.2, 2.5.8: 24 by 24 for what stands by itself.
  for (const element of document.querySelectorAll("button, .button, .tool, input:not([type=hidden], [type=radio], [type=checkbox]), select, nav a, aside a")) {
    if (!shown(element)) continue;
    const box = element.getBoundingClientRect();
    if (Math.round(box.height) < 24) wrong.push(`${Math.round(box.height)} px high: ${told(element)}`);
  }

  // WCAG 2.2, 1.4.3: 4.5 to 1, or 3 to 1 for large letters.
  const colour = (words) => {
    const [red, green, blue, alpha = 1] = words.match(/[\d.]+/g).map(Number);
    return { red, green, blue, alpha };
  };
  const over = (above, below) => {
    const mix = (name) => above[name] * above.alpha + below[name] * (1 - above.alpha);
    return { red: mix("red"), green: mix("green"), blue: mix("blue"), alpha: 1 };
  };
  const luminance = ({ red, green, blue }) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = colour(getComputedStyle(at).backgroundColor);
      layers.push(layer);
      if (layer.alpha === 1) break;
    }
    return layers.reverse().reduce((below, above) => over(above, below), { red: 255, green: 255, blue: 255, alpha: 1 });
  };
  const look = (element, words, style) => {
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const behind = ground(element);
    const found = contrast(over(colour(style.color), behind), behind);
    if (found < least) wrong.push(`contrast ${found.toFixed(2)}: “${words.trim().slice(0, 30)}”`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const words = texts.currentNode.data;
    if (!words.trim() || !shown(element) || element.closest(":disabled, script, style, svg, option")) continue;
    look(element, words, getComputedStyle(element));
  }
  for (const element of document.querySelectorAll("body *")) {
    if (!shown(element) || element.matches(":disabled")) continue;
    const before = getComputedStyle(element, "::before");
    if (/[^"\s]/.test(before.content) && before.content !== "none" && before.content !== "normal") look(element, `before ${told(element)}`, before);
    if (element.placeholder) look(element, element.placeholder, { ...pick(getComputedStyle(element)), color: getComputedStyle(element, "::placeholder").color });
    if (element.matches("input, select, textarea")) look(element, element.value || element.name, getComputedStyle(element));
  }
  function pick(style) {
    return { fontSize: style.fontSize, fontWeight: style.fontWeight };
  }
  return [...new Set(wrong)];
}
