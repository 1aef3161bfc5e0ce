// The store by itself: a small C program writes, another run of it checks.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";

const FILES = ["data.db", "data.db-wal"];

export function storeTarget(program) {
  return {
    name: "store",

    // Starts the writer; calls acknowledged(writer, number) in the order of the acknowledgements.
    // The result has pid, kill(), and ended: a promise of why it ended.
    start(folder, acknowledged) {
      const child = spawn(program, ["write", join(folder, "data.db")], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let rest = "";
      let trouble = "";
      child.stdout.setEncoding("utf8");
      child.stdout.on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          const [writer, number] = line.split(" ").map(Number);
          if (Number.isInteger(writer) && Number.isInteger(number)) acknowledged(writer, number);
          else trouble = line;
        }
      });
      const ended = new Promise((resolve) => {
        child.on("close", (code, signal) => resolve(trouble || signal || `exit ${code}`));
      });
      return { pid: child.pid, kill: () => child.kill("SIGKILL"), ended };
    },

    // Opens what is left; gives a map of writers to their last numbers, or throws.
    check(folder) {
      const result = spawnSync(program, ["check", join(folder, "data.db")], {
        encoding: "utf8",
        timeout: 60_000,
      });
      const lines = result.stdout.trim().split("\n");
      if (result.status !== 0 || lines.pop() !== "ok") {
        throw new Error(result.stdout + result.stderr + (result.signal ?? ""));
      }
      return new Map(lines.filter(Boolean).map((line) => line.split(" ").map(Number)));
    },

    // Copies the files as they are; the program must stand still meanwhile.
    copy(from, to) {
      for (const file of FILES) {
        if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file));
      }
    },
  };
}
