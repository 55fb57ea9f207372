//! Files of credentials: one key, which is good for `/predict`, and one user.

use std::path::PathBuf;

use tamis::auth::keys::hexadecimal_digest;
use tamis::auth::users::hash_password;

/// The files, gone with the test.
pub struct Credentials {
    directory: PathBuf,
    /// The key.
    pub key: String,
    files: [String; 3],
}

impl Credentials {
    /// The password of the user `student`.
    pub const PASSWORD: &str = "correct-horse-battery-staple";

    /// Writes them under a name that no other test of this process has.
    pub fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("tamis-credentials-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let key = format!("tamis_{}", "k".repeat(43));
        let hash = hash_password(Self::PASSWORD.as_bytes()).expect("a hash");
        let files = [
            ("keys", format!("team:{}:predict\n", hexadecimal_digest(key.as_bytes()))),
            ("users", format!("student:{hash}\n")),
            ("secret", "s".repeat(48)),
        ];
        let files = files.map(|(name, text)| {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("written");
            path.to_str().expect("a plain path").to_owned()
        });
        Self { directory, key, files }
    }

    /// The flags that ask for either.
    pub fn flags(&self) -> Vec<&str> {
        let [keys, users, secret] = &self.files;
        vec!["--auth", "both", "--api-keys", keys, "--users", users, "--token-secret", secret]
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
