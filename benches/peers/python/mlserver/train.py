"""The daemon's forest as the pickle that MLServer reads: `train.py FILE`."""

import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

joblib.dump(RandomForestClassifier(n_estimators=100, random_state=42).fit(*load_iris(return_X_y=True)), sys.argv[1])
