// The button for the colours: as the system has them, light, dark. Used by app.js; theme.js sets them at the start.

import { setText } from "./dom.js";

/** Makes `button` go through the themes; calls `changed` whenever the colours have. */
export function followTheme(button, changed) {
  const root = document.documentElement;
  const show = () => {
    const { word, spoken } = THEMES.find(({ name }) => name === (root.dataset.theme ?? ""));
    setText(button, word);
    button.setAttribute("aria-label", `Colours: ${spoken}`);
  };
  button.addEventListener("click", () => {
    const now = THEMES.findIndex(({ name }) => name === (root.dataset.theme ?? ""));
    const { name } = THEMES[(now + 1) % THEMES.length];
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    remember(name);
    show();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}

function remember(name) {
  try {
    localStorage.setItem("evenkeel-theme", name);
  } catch {
    // Where storage is forbidden it lasts as long as the page.
  }
}

const THEMES = [
  { name: "", word: "Auto", spoken: "as the system" },
  { name: "light", word: "Light", spoken: "light" },
  { name: "dark", word: "Dark", spoken: "dark" },
];
