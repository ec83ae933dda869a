//! The other side of the comparison, when it is a command-line tool.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// A tool that reads and writes one format between its standard input and output.
pub(super) struct Tool {
    pub(super) format: &'static str,
    pub(super) program: &'static str,
    /// Arguments to compress with; each gives one file.
    pub(super) write: &'static [&'static [&'static str]],
    pub(super) read: &'static [&'static str],
    /// Whether it reads streams one after the other.
    pub(super) joined: bool,
}

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        format: "bz2",
        program: "bzip2",
        write: &[&["-1"], &["-9"]],
        read: &["-d"],
        joined: true,
    },
    Tool {
        format: "bz2",
        program: "pbzip2",
        write: &[&["-c", "-p2", "-b1"]],
        read: &["-d", "-c"],
        joined: true,
    },
    Tool {
        format: "gzip",
        program: "gzip",
        write: &[&["-1"], &["-9"]],
        read: &["-d"],
        joined: true,
    },
    Tool {
        format: "gzip",
        program: "pigz",
        write: &[&["-p2"], &["-p2", "-i"]],
        read: &["-d"],
        joined: true,
    },
    Tool { format: "gzip", program: "bgzip", write: &[&["-c"]], read: &["-dc"], joined: true },
    Tool {
        format: "lz4",
        program: "lz4",
        write: &[
            &["-q", "-1"],
            &["-q", "-9", "-BD"],
            &["-q", "-B4", "--no-frame-crc"],
            &["-q", "-BX"],
        ],
        read: &["-d"],
        joined: true,
    },
    Tool {
        format: "lzma",
        program: "xz",
        write: &[&["--format=lzma", "-0"], &["--format=lzma", "-9"]],
        read: &["--format=lzma", "-d"],
        joined: false,
    },
    Tool {
        format: "xz",
        program: "xz",
        write: &[
            &["-0"],
            &["-T2", "-1"],
            &["-9", "-T2", "--block-size=65536"],
            &["--check=sha256"],
        ],
        read: &["-d"],
        joined: true,
    },
    Tool { format: "lzma", program: "lzma", write: &[&["-6"]], read: &["-d"], joined: false },
    Tool {
        format: "zlib",
        program: "zlib-flate",
        write: &[&["-compress"]],
        read: &["-uncompress"],
        joined: false,
    },
    Tool { format: "zlib", program: "pigz", write: &[&["-z"]], read: &["-d", "-z"], joined: false },
    Tool {
        format: "zstd",
        program: "zstd",
        write: &[&["-1"], &["-T2"], &["-19", "--long=27"], &["--fast=5", "--no-check"]],
        read: &["-d"],
        joined: true,
    },
    Tool {
        format: "zstd",
        program: "pzstd",
        write: &[&["-q", "-1", "-p2"]],
        read: &["-q", "-d"],
        joined: true,
    },
];

impl Tool {
    /// Whether it is installed.
    pub(super) fn is_here(&self) -> bool {
        Command::new(self.program).arg("--version").output().is_ok()
    }

    /// What it makes of `source`, called with `args`.
    pub(super) fn filter(&self, args: &[&str], source: &Path) -> Result<Vec<u8>> {
        let mut command = Command::new(self.program);
        command.args(args).stdin(File::open(source)?).stderr(Stdio::inherit());
        let output = command.output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(format!("`{} {}` refused {}", self.program, args.join(" "), source.display()).into())
    }
}
