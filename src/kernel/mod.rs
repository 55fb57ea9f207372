//! Arithmetic kernels. Each has a portable form that says what it computes and, where it pays, a twin written for one
//! instruction set and proven equal to it; the form is chosen once, when the data is loaded.
#![allow(unsafe_code)]

pub mod attention;
pub mod bag;
pub mod linear;
pub mod path;
pub mod quantization;
pub mod row;
mod vector;
