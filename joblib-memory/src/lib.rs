//! Never compute twice: results cached on disk by arguments and by the code that made them.
