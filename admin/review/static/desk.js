// Keys for the desk; without this file every page works as well, by links and buttons.
"use strict";
(function () {
  const rows = Array.from(document.querySelectorAll("[data-row]"));
  let at = -1;

  function select(next) {
    if (!rows.length) return;
    if (at >= 0) rows[at].removeAttribute("aria-selected");
    at = Math.max(0, Math.min(rows.length - 1, next));
    rows[at].setAttribute("aria-selected", "true");
    rows[at].querySelector("a.open").focus();
  }

  // An act is never one stroke: its key brings the focus to what is still to be filled in, or to the button; Enter acts.
  function reach(target) {
    if (target.tagName === "A") {
      target.click();
      return;
    }
    const fields = target.formNoValidate ? [] : Array.from(target.form.elements);
    const missing = fields.find(function (field) {
      return field.willValidate && !field.validity.valid;
    });
    const comment = target.hasAttribute("data-comment") ? target.form.querySelector("[name=comment]") : null;
    (missing || (comment && !comment.value.trim() ? comment : target)).focus();
  }

  function typing(element) {
    return element.matches("input:not([type=radio], [type=checkbox]), textarea, select");
  }

  const KEYS = [
    ["j", "k", "下一件、上一件", "next, previous"],
    ["Enter", "", "打开", "open"],
    ["/", "", "搜索", "search"],
    ["a", "", "同意,或提交评审", "approve, or send my review"],
    ["r", "", "退回", "return"],
    ["x", "", "不同意", "reject"],
    ["w", "", "撤回", "withdraw"],
    ["n", "p", "下一份、上一份材料", "next, previous paper"],
    ["v", "", "核验通过", "verify the paper"],
    ["u", "", "回到队列", "back to the queue"],
    ["Esc", "", "离开输入框", "leave a field"],
  ];

  function help() {
    if (close()) return;
    const english = document.documentElement.lang === "en";
    const box = document.createElement("div");
    box.id = "keys-help";
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", english ? "Keys" : "快捷键");
    box.tabIndex = -1;
    for (const [key, other, chinese, words] of KEYS) {
      const row = document.createElement("div");
      const keys = document.createElement("span");
      for (const each of [key, other].filter(Boolean)) keys.append(Object.assign(document.createElement("kbd"), { textContent: each }), " ");
      row.append(keys, english ? words : chinese);
      box.append(row);
    }
    const note = english ? "An act's key brings you to what is missing, or to its button; Enter then acts." : "办理类按键只移到还没填的一项或按钮上,再按 Enter 才办理。";
    box.append(Object.assign(document.createElement("p"), { className: "soft", textContent: note }));
    document.body.append(box);
    box.focus();
  }

  function close() {
    const shown = document.getElementById("keys-help");
    if (shown) shown.remove();
    return shown;
  }

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      if (!close() && typing(event.target)) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (rows.length && (event.key === "j" || event.key === "k")) {
      event.preventDefault();
      select(at + (event.key === "j" ? 1 : -1));
      return;
    }
    if (event.key === "/") {
      const search = document.getElementById("search");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
      return;
    }
    if (event.key === "?") {
      help();
      return;
    }
    if (!/^[a-z]$/.test(event.key)) return;
    const target = document.querySelector('[data-key="' + event.key + '"]');
    if (target) {
      event.preventDefault();
      reach(target);
    }
  });

  const refusal = document.getElementById("refusal");
  if (refusal) refusal.focus();

  // How many characters stand there, as the server counts them: white space left out.
  for (const field of document.querySelectorAll("[data-count]")) {
    const shown = document.createElement("output");
    shown.className = "soft num";
    const tell = function () {
      const count = Array.from(field.value.replace(/\s/gu, "")).length;
      shown.textContent = count + " / " + field.dataset.count;
    };
    field.after(shown);
    field.addEventListener("input", tell);
    tell();
  }

  // One box ticks or clears every row of its table.
  for (const master of document.querySelectorAll("[data-ticks]")) {
    const boxes = document.querySelectorAll('[data-ticked="' + master.dataset.ticks + '"] input[type=checkbox]');
    master.parentElement.hidden = false;
    master.checked = Array.from(boxes).every(function (box) { return box.checked; });
    master.addEventListener("change", function () {
      for (const box of boxes) box.checked = master.checked;
    });
  }

  // A form is sent once; its token keeps that promise on the server as well.
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", function (event) {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "1";
    });
  }
  window.addEventListener("pageshow", function () {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
