//! The classes of scikit-learn as types: their attributes, as far as a prediction needs them.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use serde::Deserialize;

/// Whatever model is in a file: a variant is called like the class.
#[derive(Debug, Deserialize)]
pub(crate) enum Model {
    LogisticRegression(Logistic),
    Pipeline(Pipeline),
    RandomForestClassifier(Forest),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Logistic {
    #[serde(rename = "coef_")]
    coefficients: Array2<f64>,
    #[serde(rename = "intercept_")]
    intercept: Array1<f64>,
    #[serde(rename = "classes_")]
    classes: Array1<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Scaler {
    #[serde(rename = "mean_")]
    mean: Array1<f64>,
    #[serde(rename = "scale_")]
    scale: Array1<f64>,
}

/// A list of steps, each a tuple of name and object.
#[derive(Debug, Deserialize)]
pub(crate) struct Pipeline {
    steps: ((String, Scaler), (String, Logistic)),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Forest {
    #[serde(rename = "estimators_")]
    trees: Vec<Fitted>,
    #[serde(rename = "classes_")]
    classes: Array1<i64>,
}

#[derive(Debug, Deserialize)]
struct Fitted {
    tree_: Tree,
}

/// What scikit-learn keeps in C: a structured array of nodes, and the shares of the classes in each.
#[derive(Debug, Deserialize)]
struct Tree {
    nodes: Vec<Node>,
    values: Array3<f64>,
}

#[derive(Debug, Deserialize)]
struct Node {
    left_child: i64,
    right_child: i64,
    feature: i64,
    threshold: f64,
}

impl Model {
    /// How likely each class is, in rows.
    pub(crate) fn probabilities(&self, images: &ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            Model::LogisticRegression(logistic) => logistic.probabilities(images),
            Model::Pipeline(Pipeline { steps: ((_, scaler), (_, logistic)) }) => {
                let scaled = (images - &scaler.mean) / &scaler.scale;
                logistic.probabilities(&scaled.view())
            }
            Model::RandomForestClassifier(forest) => forest.probabilities(images),
        }
    }

    /// The class with the highest probability in each row; of equal ones the first, as in numpy.
    pub(crate) fn most_likely(&self, probabilities: &Array2<f64>) -> Vec<i64> {
        let classes = match self {
            Model::LogisticRegression(logistic) => &logistic.classes,
            Model::Pipeline(pipeline) => &pipeline.steps.1.1.classes,
            Model::RandomForestClassifier(forest) => &forest.classes,
        };
        probabilities.rows().into_iter().map(|row| classes[first_of_the_greatest(row)]).collect()
    }
}

fn first_of_the_greatest(row: ArrayView1<'_, f64>) -> usize {
    (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0)
}

impl Logistic {
    fn probabilities(&self, images: &ArrayView2<'_, f64>) -> Array2<f64> {
        let mut scores = images.dot(&self.coefficients.t()) + &self.intercept;
        for mut row in scores.rows_mut() {
            let greatest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            row.mapv_inplace(|score| (score - greatest).exp());
            let sum = row.sum();
            row /= sum;
        }
        scores
    }
}

impl Forest {
    fn probabilities(&self, images: &ArrayView2<'_, f64>) -> Array2<f64> {
        let mut sums = Array2::zeros((images.nrows(), self.classes.len()));
        for (image, mut sum) in images.rows().into_iter().zip(sums.axis_iter_mut(Axis(0))) {
            for Fitted { tree_: tree } in &self.trees {
                sum += &tree.shares(image);
            }
        }
        sums / self.trees.len() as f64
    }
}

impl Tree {
    /// The shares of the classes in the leaf that an image falls into.
    fn shares(&self, image: ArrayView1<'_, f64>) -> ArrayView1<'_, f64> {
        let mut at = 0;
        // A leaf has -1 for its children.
        while let Ok(left) = usize::try_from(self.nodes[at].left_child) {
            let node = &self.nodes[at];
            // Trees see single precision.
            let pixel = f64::from(image[node.feature as usize] as f32);
            at = if pixel <= node.threshold { left } else { node.right_child as usize };
        }
        self.values.slice(ndarray::s![at, 0, ..])
    }
}
