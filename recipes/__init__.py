"""How every packaged model was made: data, training, evaluation. Each folder re-makes one model."""
