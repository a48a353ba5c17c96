//! Examples as programs, and folders for them to run in.

#[cfg(unix)]
use std::process::{Child, Output};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// A folder for one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new folder. Two tests of a program have different names.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("refrain-{}-{name}-{}", env!("CARGO_CRATE_NAME"), std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file with these contents, as an argument.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// The path of a file in the folder, as an argument.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A built example. `cargo test` builds those with unit tests as tests alone, so all are built here,
/// once, in the profile of this test. They are built with the whole workspace, as CI tests it: fewer
/// packages ask for fewer features, and all the crates below would be compiled once more.
pub(crate) fn program(example: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let (profile, target) = (test.ancestors().nth(2).unwrap(), test.ancestors().nth(3).unwrap());
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--workspace", "--examples"]);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--target-dir").arg(target);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the examples do not build");
        profile.join("examples")
    });
    Path::new(folder).join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

/// Ctrl-C; how the program ends.
#[cfg(unix)]
pub(crate) fn interrupted(child: Child) -> Output {
    let kill = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    output
}
