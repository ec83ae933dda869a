use joblib_parallel::delayed;

fn main() {
    let _task = delayed!(function(1, 2, 3, 4, 5, 6, 7, 8, 9));
}
