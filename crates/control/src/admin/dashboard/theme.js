// Sets the colours before anything is drawn, so that a dark page does not flash white. Loaded by the page's head.
"use strict";
try {
  const theme = localStorage.getItem("evenkeel-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Where storage is forbidden, the system decides.
}
