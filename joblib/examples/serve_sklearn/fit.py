"""Fits the models that `serve_sklearn` opens, and writes down what Python predicts with them.

    fit.py FOLDER

The files in `joblib/examples/data/sklearn` were written with scikit-learn 1.9.1, numpy 2.4.6 and
joblib 1.6.0.
"""

import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(folder):
    pixels, digits = load_digits(return_X_y=True)
    images = pixels[1000:1400]
    models = {
        "logistic": LogisticRegression(max_iter=300),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        "forest": RandomForestClassifier(15, max_leaf_nodes=60, random_state=0),
    }
    expected = {"images": images}
    for name, model in models.items():
        model.fit(pixels[:1000], digits[:1000])
        joblib.dump(model, folder / f"{name}.joblib.gz", compress=("gzip", 9))
        expected[name] = {
            "digits": model.predict(images),
            "probabilities": model.predict_proba(images),
        }
    joblib.dump(expected, folder / "expected.joblib.gz", compress=("gzip", 9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
