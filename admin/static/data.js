// The data console inside ours: its login, password and log-out are the console's own; a list's rows open at the desk.
const DESKS = JSON.parse(document.querySelector("meta[name=desks]").content);
const LISTS = JSON.parse(document.querySelector("meta[name=lists]").content);
const ADDS = JSON.parse(document.querySelector("meta[name=adds]").content);
const FIXED = JSON.parse(document.querySelector("meta[name=fixed]").content);

let followed = null;

// Vue's router goes from page to page without an event of the browser's: a page that was redrawn may be another one.
function follow() {
  if (location.hash === followed) return;
  followed = location.hash;
  const [table = "", row = ""] = decodeURIComponent(location.hash.replace(/^#\//, "").split("?")[0]).split("/");
  if (table === "login") location.replace("/login?next=/admin/");
  if (table === "change-password") location.replace("/password");
  if (row && row !== "add" && DESKS[table]) location.assign(DESKS[table] + row);
  document.documentElement.dataset.list = LISTS.includes(table) ? "yes" : "no";
  document.documentElement.dataset.adds = ADDS.includes(table) ? "yes" : "no";
  document.documentElement.dataset.edits = FIXED.includes(table) ? "no" : "yes";
}

// A row that is only looked at opens at the desk before the data console makes a form of it.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href*='#/']");
  if (!link) return;
  const [table = "", row = ""] = decodeURIComponent(link.hash.replace(/^#\//, "").split("?")[0]).split("/");
  if (row && row !== "add" && DESKS[table]) {
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(DESKS[table] + row);
  }
}, true);

// Piccolo Admin says in English alone what came of an act, and leaves the form of a new row open to be sent again.
const SAID = {
  "Successfully added row": "已添加。",
  "Successfully saved row": "已保存。",
  "Successfully updated rows": "已保存。",
  "The form has errors.": "填写有误,请看页面上方的说明。",
  "Invalid column name or value": "筛选条件不正确。",
  "The server can't be reached - please try later.": "暂时连接不上,请稍后再试。",
};

function hear() {
  const said = document.querySelector("#message_popup .message");
  if (!said || said.dataset.heard === said.textContent) return;
  if (said.textContent === "Successfully added row" && location.hash.endsWith("/add/")) history.back();
  if (document.documentElement.lang !== "en") said.textContent = SAID[said.textContent] ?? said.textContent;
  said.dataset.heard = said.textContent;
}

new MutationObserver(() => {
  follow();
  hear();
}).observe(document.body, { childList: true, subtree: true, characterData: true });
window.addEventListener("hashchange", follow);
follow();
