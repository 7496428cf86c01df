"""Training of float networks with torch, and their export as integer models.

================  =================================================================================
module            content
================  =================================================================================
``run``           a whole training run in a folder: start with ``run`` (local networks) or ``finish``
``loop``          ``Trainer``: one optimiser step, checkpoints, resuming; ``train`` loops over it
``optimiser``     Muon and AdamW
``processes``     data-parallel training under torchrun
``batches``       batches made in worker processes
``data``          pixels drawn from images in memory, with their contexts
``folder``        pixels drawn from folders larger than memory; held-out images
``images``        whole images, for convolutional networks
``datasets``      readers of MNIST's idx files and of sheets of small images
``shapes``        names and spellings of network shapes
``curve``         plot of a run
``cost``          cost of rounding a float network to integers
``networks/``     networks, likelihoods, export
``adapt/``        fine-tuning of models on the images to be compressed
================  =================================================================================

A run goes as follows. ``folder.scan`` splits a folder into images to train on and held-out ones. Data workers draw
pixels (``data``, ``folder``) and turn them into network inputs with the codec's integer front end (``batches``).
``loop.Trainer`` takes optimiser steps on these batches, averages the weights, and saves checkpoints. At the end,
``networks.export`` writes the averaged network as an integer model file.
"""
