//! Which form of the encoder's kernels a processor runs.

/// A form of the kernels of [`linear`](super::linear), [`row`](super::row) and [`attention`](super::attention).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Plain Rust, on any processor.
    Portable,
    /// 256-bit vectors and fused multiply-add of x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with the int8 dot product (Vector Neural Network Instructions).
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// 512-bit vectors with the int8 dot product (Vector Neural Network Instructions) of x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Path {
    /// The fastest form that this processor runs.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if avx2 && avx512 {
                return Self::Avx512Vnni;
            }
            if avx2 {
                return if is_x86_feature_detected!("avxvnni") { Self::AvxVnni } else { Self::Avx2 };
            }
        }
        Self::Portable
    }

    /// Every form that this processor runs, the fastest first.
    pub fn all() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        return match Self::detect() {
            Self::Avx512Vnni if is_x86_feature_detected!("avxvnni") => {
                &[Self::Avx512Vnni, Self::AvxVnni, Self::Avx2, Self::Portable]
            }
            Self::Avx512Vnni => &[Self::Avx512Vnni, Self::Avx2, Self::Portable],
            Self::AvxVnni => &[Self::AvxVnni, Self::Avx2, Self::Portable],
            Self::Avx2 => &[Self::Avx2, Self::Portable],
            Self::Portable => &[Self::Portable],
        };
        #[cfg(not(target_arch = "x86_64"))]
        &[Self::Portable]
    }

    /// The form's name in logs and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
        }
    }
}

/// A path that this processor is known to run: what the unsafe calls of this room rest on.
#[derive(Clone, Copy, Debug)]
pub struct Checked(Path);

impl Checked {
    /// `path` where the processor runs it, else the portable form.
    pub fn new(path: Path) -> Self {
        Self(if Path::all().contains(&path) { path } else { Path::Portable })
    }

    /// The path.
    pub const fn path(self) -> Path {
        self.0
    }
}

/// Defines a function that runs a body, generic over [`Vector`](super::vector::Vector), compiled for each path and chosen by `path`.
macro_rules! for_each_path {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($path:ident: Checked $(, $argument:ident: $type:ty)*) $(-> $result:ty)? = $body:ident) => {
        $(#[$attribute])*
        $visibility fn $name($path: $crate::kernel::path::Checked $(, $argument: $type)*) $(-> $result)? {
            use $crate::kernel::{path::Path, vector};

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($argument: $type),*) $(-> $result)? {
                $body::<vector::Avx2>($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avxvnni")]
            fn avx_vnni($($argument: $type),*) $(-> $result)? {
                $body::<vector::AvxVnni>($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")]
            fn avx512($($argument: $type),*) $(-> $result)? {
                $body::<vector::Avx512>($($argument),*)
            }
            match $path.path() {
                Path::Portable => $body::<vector::Plain>($($argument),*),
                // SAFETY: `Checked` holds a path only where `Path::detect` found its features on this processor. Needed
                // because calling code compiled for features beyond the build's is unsafe.
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 => unsafe { avx2($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Path::AvxVnni => unsafe { avx_vnni($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Path::Avx512Vnni => unsafe { avx512($($argument),*) },
            }
        }
    };
}

pub(super) use for_each_path;
