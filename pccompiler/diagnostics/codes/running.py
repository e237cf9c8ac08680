"""PC5xx: what can go wrong with data, run folders, checkpoints and training. PC9xx: our bugs."""

from pccompiler.diagnostics.codes.code import Code

RUNNING_CODES: tuple[Code, ...] = (
    Code(
        "PC501",
        "a data file is missing",
        "The source was looked for in the folders that the message lists, in that order. The "
        "help says how to get the file. Folders come from `data.root`, or else from the "
        "variable PCC_DATA (itself, or a subfolder named like the source).",
        "data: {source: mnist}            # and no files anywhere",
        "data: {source: mnist, root: /data/mnist}",
    ),
    Code(
        "PC502",
        "a data file is damaged",
        "The file ends early, or its compressed content does not match its own checksum. It "
        "was probably cut off while it was downloaded or copied. Nothing of it is used.",
        "data: {source: mnist, root: half/}       # 3 of 10 MB of the images arrived",
        "data: {source: mnist, root: mnist/}      # files that `gzip -t` accepts",
    ),
    Code(
        "PC503",
        "a data file is not what its name promises",
        "Magic number, shape, size or checksum differ from those of the format or the data set, "
        "or two files that belong together differ in their number of samples.",
        "data: {source: mnist, root: kuzushiji/}      # files of another data set",
        "data: {source: {idx: kuzushiji/}}            # any data in IDX format",
    ),
    Code(
        "PC504",
        "a label is out of range",
        "Class labels are integers from 0 to the number of classes minus one. The message "
        "names the first sample that breaks this.",
        "data: {source: {npz: {path: a.npz, classes: 10}}}     # its labels are 1 to 10",
        "data: {source: {npz: {path: a.npz, classes: 11}}}     # or renumber them from 0",
    ),
    Code(
        "PC505",
        "an array of an .npz file cannot be used",
        "The array is missing, holds something other than finite numbers, or holds pickled "
        "Python objects, which are never loaded because loading them could run code.",
        "data: {source: {npz: a.npz}}                          # its arrays are not x and y",
        "data: {source: {npz: {path: a.npz, features: images, target: labels}}}",
    ),
    Code(
        "PC506",
        "the spec names no data",
        "Training and evaluation need a `data` section. A spec without one can be checked, "
        "shown and compiled.",
        "name: mlp                        # no data section",
        "data: {source: digits}",
    ),
    Code(
        "PC510",
        "data and nodes are not bound",
        "Every input and output node takes one field of the data. By default a single input "
        "gets the features and a single output the target; otherwise `data.bind` says which "
        "field goes to which node.",
        "data: {source: digits, bind: {pixels: image}}     # digits has `image` and `label`",
        "data: {source: digits, bind: {image: image, label: label}}",
    ),
    Code(
        "PC511",
        "a field does not fit its node",
        "A field's sample must have as many numbers as the node has units; classes are one-hot, "
        "so a node bound to 10 classes has 10 units.",
        "nodes: {label: {shape: [8], role: output}}        # bound to 10 classes",
        "nodes: {label: {shape: [10], role: output}}",
    ),
    Code(
        "PC512",
        "too few samples",
        "Every training batch is full, so the training split (what remains after validation "
        "and test) needs at least `batch_size` samples.",
        "data: {source: digits, batch_size: 64, train_samples: 50}",
        "data: {source: digits, batch_size: 50, train_samples: 50}",
    ),
    Code(
        "PC513",
        "the monitored metric does not exist in this run",
        "Early stopping and the best checkpoint need a validation split, and `accuracy` needs "
        "targets that are classes.",
        "data: {source: digits, validation: 0}\ntraining: {early_stop: {patience: 5}}",
        "data: {source: digits, validation: 0.1}\ntraining: {early_stop: {patience: 5}}",
    ),
    Code(
        "PC520",
        "the run folder is not empty",
        "A run never overwrites another. Without --run, a new numbered folder is made under "
        "`runs/`.",
        "pcc train spec.yaml --run runs/a        # runs/a holds an earlier run",
        "pcc train spec.yaml --run runs/b",
    ),
    Code(
        "PC521",
        "the run folder is in use",
        "Another process trains in this folder and holds its lock. The lock goes when that "
        "process ends, however it ends.",
        "pcc resume runs/a        # while `pcc train --run runs/a` is running",
        "pcc train spec.yaml      # a folder of its own",
    ),
    Code(
        "PC522",
        "the run folder cannot be written",
        "The disk is full, the folder is read-only, or it is not a folder. Checkpoints that "
        "were saved before are untouched.",
        "pcc train spec.yaml --run /usr/share/run",
        "pcc train spec.yaml --run runs/a",
    ),
    Code(
        "PC523",
        "this is not a run folder",
        "A run folder holds `spec.yaml`, `metrics.jsonl` and `checkpoints/`, as `pcc train` "
        "writes them.",
        "pcc resume specs/digits_mlp.yaml",
        "pcc resume runs/digits_mlp-001",
    ),
    Code(
        "PC524",
        "the spec changed since the run was saved",
        "Continuing with another spec is not the same run any more, so it has to be asked for.",
        "pcc resume runs/a -s inference.steps=40",
        "pcc resume runs/a -s inference.steps=40 --allow-changed",
    ),
    Code(
        "PC525",
        "the environment differs from the run's",
        "A resumed run gives the same bits only with the same processor, number of processors, "
        "XLA flags and library versions. It continues; the numbers may differ in their last "
        "digits.",
        "taskset -c 0 pcc resume runs/a          # begun on two processors",
        "taskset -c 0,1 pcc resume runs/a",
    ),
    Code(
        "PC526",
        "the data changed since the run began",
        "The training split has another checksum than when the run began, so the run cannot be "
        "continued exactly.",
        "pcc resume runs/a                       # after data.npz was written anew",
        "pcc train spec.yaml                     # a new run on the new data",
    ),
    Code(
        "PC530",
        "a checkpoint is damaged",
        "Its files do not match the SHA-256 checksums in its manifest, or some are missing. The "
        "one before it is used, with a warning; with --strict the command fails instead.",
        "pcc resume runs/a --strict              # checkpoints/000200 has a flipped bit",
        "pcc resume runs/a                       # continues from checkpoints/000150",
    ),
    Code(
        "PC531",
        "a checkpoint does not fit the network",
        "A saved array has another shape or dtype than the network needs, or the sets of arrays "
        "differ. The checkpoint belongs to another spec.",
        "pcc resume runs/a -s params.width=256 --allow-changed     # saved with 128",
        "pcc train spec.yaml -s params.width=256",
    ),
    Code(
        "PC532",
        "no checkpoint can be loaded",
        "There is none yet, or all of them are damaged. A run without any begins at step 0.",
        "pcc evaluate runs/a                     # stopped before its first checkpoint",
        "pcc resume runs/a",
    ),
    Code(
        "PC540",
        "training diverged",
        "A state, an energy or a gradient became NaN or infinite. The batch was replayed to "
        "find the first node and inference step. The state before that batch is saved, and so "
        "are the checkpoints before it. The usual cause is a rate that is too large: of the "
        "states, if it happened during inference, else of the parameters.",
        "inference: {optimizer: {sgd: {learning_rate: 5.0}}}",
        "inference: {optimizer: {sgd: {learning_rate: 0.1}}}",
    ),
    Code(
        "PC550",
        "the input of a prediction cannot be used",
        "The file holds one array per node that is held (without --read, the inputs), named "
        "like the node, or a single array where "
        "there is one input; the first axis counts samples, the rest has the shape of the "
        "training data. Values are in the units of the training data, before scaling.",
        "pcc predict runs/a in.npz -o out.csv    # holds `pixels` and `id`; the input is `image`",
        "pcc predict runs/a in.npz -o out.csv    # holds `image`",
    ),
    Code(
        "PC551",
        "the output of a prediction cannot be written",
        "The ending decides the format: .npz for arrays, .csv for a table, .png for pictures of "
        "a node whose units form an image: of shape [h, w], [h, w, 1], [h, w, 3], or as many as "
        "a square has.",
        "pcc predict runs/a in.npz -o out.txt",
        "pcc predict runs/a in.npz -o out.csv",
    ),
    Code(
        "PC552",
        "a network without time cannot be unrolled",
        "`pcc diagram --unroll` draws the copies of every node in time. Without a section "
        "`time` there is one copy of each, which is the diagram without `--unroll`.",
        "pcc diagram spec.yaml -o net.svg --unroll        # the spec has no `time`",
        "pcc diagram spec.yaml -o net.svg --view circuit",
    ),
    Code(
        "PC553",
        "a prediction cannot hold or read these nodes",
        "A prediction needs something that is held, and something else that is read. Without "
        "--read, the nodes that the spec holds are wanted in the input, and its outputs are "
        "read; with it, exactly the nodes in the input and in --clamp are held, and all others "
        "settle. A node that is held whole cannot be read; one that is held in part (--mask) can.",
        "pcc predict runs/a -o out.png --clamp label=3                 # and the image?",
        "pcc predict runs/a -o out.png --clamp label=3 --read image",
    ),
    Code(
        "PC554",
        "a value or mask of a prediction cannot be used",
        "--clamp NODE=VALUE takes the number of a class for a node of classes, a number for "
        "every unit of another node, or an .npy or .npz file. --mask NODE=FILE takes an array of "
        "the shape of one sample, or with an axis of samples before it; entries where it is not "
        "zero are held at the node's value, which the input or --clamp gives.",
        "pcc predict runs/a -o out.png --clamp label=10 --read image   # classes are 0 to 9",
        "pcc predict runs/a -o out.png --clamp label=9 --read image",
    ),
    Code(
        "PC560",
        "there is no such device",
        "JAX was asked for a device that this machine lacks, or that the installed jaxlib does "
        "not support.",
        "pcc train spec.yaml --device gpu        # with the CPU version of JAX",
        "pcc train spec.yaml --device cpu",
    ),
    Code(
        "PC561",
        "these are no seeds",
        "Seeds are a range, both ends included, or a list.",
        "pcc compare spec.yaml --rules predictive_coding,backprop --seeds five",
        "pcc compare spec.yaml --rules predictive_coding,backprop --seeds 0..4",
    ),
    Code(
        "PC901",
        "a compiler pass broke an invariant",
        "This is a bug in the compiler, not in your spec. The message names the pass, the "
        "invariant and the node. Please report it with the spec.",
        "pcc compile spec.yaml",
        "pcc compile spec.yaml --disable wavefront   # until it is repaired",
    ),
)
