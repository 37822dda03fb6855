// The data console inside ours: its login, password and log-out are the console's own; a list's rows open at the desk.
const DESKS = JSON.parse(document.querySelector("meta[name=desks]").content);
const LISTS = JSON.parse(document.querySelector("meta[name=lists]").content);
const ADDS = JSON.parse(document.querySelector("meta[name=adds]").content);

function follow() {
  const [table = "", row = ""] = decodeURIComponent(location.hash.replace(/^#\//, "").split("?")[0]).split("/");
  if (table === "login") location.replace("/login?next=/admin/");
  if (table === "change-password") location.replace("/password");
  if (row && row !== "add" && DESKS[table]) location.assign(DESKS[table] + row);
  document.documentElement.dataset.list = LISTS.includes(table) ? "yes" : "no";
  document.documentElement.dataset.adds = ADDS.includes(table) ? "yes" : "no";
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
window.addEventListener("hashchange", follow);
follow();
