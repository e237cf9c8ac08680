"""PC52x to PC56x: run folders, checkpoints, training and using a run. PC9xx: our bugs."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole
from pccompiler.diagnostics.codes.data import DIGITS

RUNNING_CODES: tuple[Code, ...] = (
    Code(
        "PC520",
        "the run folder is not empty",
        "`--run` names a folder that holds something, or another process has begun a run in it "
        "meanwhile. What a start leaves that was killed before it wrote the spec does not count. "
        "Without `--run`, a new numbered folder is made under `runs/`.",
        why="A run never overwrites another, or anything else.",
        wrong="pcc train spec.yaml --run runs/a        # runs/a holds an earlier run",
        right="pcc train spec.yaml --run runs/b",
    ),
    Code(
        "PC521",
        "the run folder is in use",
        "Another process trains in this folder and holds its lock. The lock goes when that "
        "process ends, however it ends.",
        why="Two processes would write the same metrics and checkpoints.",
        wrong="pcc resume runs/a        # while `pcc train --run runs/a` is running",
        right="pcc train spec.yaml      # a folder of its own",
    ),
    Code(
        "PC522",
        "a file or folder cannot be written",
        "The disk is full, the folder is missing or read-only, or it is not a folder.",
        why="What was saved before is untouched: files are replaced in one step, once they are "
        "whole.",
        wrong="pcc train spec.yaml --run /usr/share/run",
        right="pcc train spec.yaml --run runs/a",
    ),
    Code(
        "PC523",
        "this is not a run folder",
        "A run folder holds `spec.yaml`, `environment.json`, `metrics.jsonl` and `checkpoints/`, "
        "as `pcc train` writes them. A file of it that is not what a run writes there is told in "
        "the same way: a spec.yaml, members.json or metrics.jsonl that cannot be read, a "
        "preprocessing.npz that is damaged or of another network.",
        why="Nothing else has the parameters and the history that the command needs.",
        wrong="pcc resume specs/digits_mlp.yaml",
        right="pcc resume runs/digits_mlp-001",
    ),
    Code(
        "PC524",
        "the spec changed since the run was saved",
        "The spec, or an override, says something else than the newest checkpoint's spec.",
        why="Continuing with another spec is not the same run any more, so it has to be asked for.",
        wrong="pcc resume runs/a -s inference.steps=40",
        right="pcc resume runs/a -s inference.steps=40 --allow-changed",
    ),
    Code(
        "PC525",
        "the environment differs from the run's (warning)",
        "Processor, number of processors, XLA flags, variables of JAX that may change bits or "
        "library versions are not those with which the run began. It continues.",
        why="Only in the same environment does a resumed run give the same bits; here the same "
        "sums may be taken in another order. In our tests with another number of devices the "
        "parameters differ by less than 1e-4 of themselves, or 1e-6.",
        wrong="taskset -c 0 pcc resume runs/a          # begun on two processors",
        right="taskset -c 0,1 pcc resume runs/a",
    ),
    Code(
        "PC526",
        "the data changed since the run began",
        "A split has another checksum than when the run was saved. `pcc resume` and `pcc evaluate` "
        "look for the data where the run found it, and then where a new run would look. Early "
        "versions split at random where the spec said nothing; "
        "`pcc resume RUN -s data.split=random --allow-changed` goes on with such a split.",
        why="The run could not be continued exactly, its metrics would mix two data sets, and "
        "scores on other data would pass for those of the run.",
        wrong="pcc resume runs/a                       # after data.npz was written anew",
        right="pcc train spec.yaml                     # a new run on the new data",
    ),
    Code(
        "PC527",
        "a run folder holds more than the run",
        "`pcc runs delete` found something in the folder, or in `checkpoints`, `plots` or "
        "`tensorboard` in it, that pcc did not write: a file or folder of another name, a link, "
        "another run. Or the folder is itself a link to another.",
        why="What you have put there would be lost with the run.",
        wrong="pcc runs delete runs/a                  # holds your notes.txt",
        right="pcc runs delete runs/a                  # once notes.txt is elsewhere, or gone",
    ),
    Code(
        "PC530",
        "a checkpoint is damaged",
        "Its files do not match the SHA-256 checksums in its manifest, some are missing, or one "
        "is not what a run writes there, though its checksum was made to match: a step that is a "
        "text, negative or another than the folder's name, a spec that cannot be read. The one "
        "before it is used, with a warning; with --strict the command fails instead.",
        why="A flipped bit in a parameter is seen by nothing else, and can change every result.",
        wrong="pcc resume runs/a --strict              # checkpoints/000200 has a flipped bit",
        right="pcc resume runs/a                       # continues from checkpoints/000150",
    ),
    Code(
        "PC531",
        "a checkpoint does not fit the network",
        "A saved array has another shape or dtype than the network needs, or the sets of arrays "
        "differ.",
        why="The checkpoint belongs to another spec.",
        wrong="pcc resume runs/a -s params.width=256 --allow-changed     # saved with 128",
        right="pcc train spec.yaml -s params.width=256",
    ),
    Code(
        "PC532",
        "no checkpoint can be loaded",
        "There is none yet, or all of them are damaged. A run without any begins at step 0.",
        why="Without one there are no trained parameters to use.",
        wrong="pcc evaluate runs/a                     # stopped before its first checkpoint",
        right="pcc resume runs/a",
    ),
    Code(
        "PC533",
        "a checkpoint cannot be read",
        "The system refuses to read a file of a checkpoint, or the folder of checkpoints: it may "
        "belong to somebody else, or its disk does not answer. The checkpoint may well be good. "
        "(What is missing, no regular file or far too large is a damaged one.)",
        why="Taking an older one instead would train again from there, and replace it.",
        wrong="pcc resume runs/a                       # whose checkpoints root has written",
        right="pcc resume runs/a                       # once the folder is yours",
    ),
    Code(
        "PC540",
        "training diverged",
        "A state, an energy or a gradient became NaN or infinite. The batch was replayed to "
        "find the first node and inference step, and what is advised follows from that place. In "
        "the very first step, where inference starts, it is data or initial parameters: no rate "
        "has been used yet. During inference it is the rate of the states, where a step "
        "overshoots by itself (rate times precision is too large, or the relaxation runs away "
        "before any update); later it may be parameters that have grown, and so their rate.",
        why="Nothing useful can follow. The state before that batch is saved, and so are the "
        "checkpoints before it.",
        wrong=whole(
            DIGITS + "learning: {optimizer: {sgd: {learning_rate: 1e30}}}\ndata: {source: digits}"
        ),
        right=whole(
            DIGITS + "learning: {optimizer: {sgd: {learning_rate: 0.1}}}\ndata: {source: digits}"
        ),
    ),
    Code(
        "PC541",
        "a prediction is not finite",
        "An output became NaN or infinite, though every input is finite. The message names the "
        "first sample and column, both counted from 0.",
        why="What is not finite has no largest entry, so it would pass for class 0.",
        wrong="pcc predict runs/a in.csv -o out.csv    # holds 1e30, in metres instead of parsecs",
        right="pcc predict runs/a in.csv -o out.csv    # in the units of the training data",
    ),
    Code(
        "PC542",
        "the first row of a table is taken for a header (warning)",
        "It is 0, 1, ..., the numbers of the columns, as pandas writes it for an array. Any other "
        "row of numbers is a sample. `--header` and `--no-header` say which it is.",
        why="A header that is taken for a sample gives a prediction too many, and a sample that is "
        "taken for a header one too few.",
        wrong="pcc predict runs/a in.csv -o out.csv                # begins with 0,1",
        right="pcc predict runs/a in.csv -o out.csv --header",
    ),
    Code(
        "PC543",
        "all samples of a prediction are the same (warning)",
        "`--samples` repeats what is held, and the prediction has no random start.",
        why="Eight equal pictures look like eight draws from a network that always imagines the "
        "same.",
        wrong="pcc predict runs/a -o dream.png --clamp label=3 --read image --samples 8",
        right="pcc predict runs/a -o dream.png --clamp label=0,1,2,3 --read image",
    ),
    Code(
        "PC544",
        "a picture shows a part of the samples (warning)",
        "A file ending in .png shows at most 64 images.",
        why="The others are in no file.",
        wrong="pcc predict runs/a in.npz -o out.png    # 80 samples",
        right="pcc predict runs/a in.npz -o out.npz",
    ),
    Code(
        "PC550",
        "the input of a prediction cannot be used",
        "The file holds one array per node that is clamped (without --read, the inputs), named "
        "like the node or like its field of the training data, or a single array where there is "
        "one input; the first axis counts samples, the rest has the shape of the training data. "
        "Values are in its units, before scaling. Several files have to be pictures of one size.",
        why="An array in the place of another would give numbers that mean nothing.",
        wrong="pcc predict runs/a in.npz -o out.csv    # holds `pixels` and `id`, not `image`",
        right="pcc predict runs/a in.npz -o out.csv    # holds `image`",
    ),
    Code(
        "PC551",
        "the output of a prediction cannot be written",
        "The ending decides the format: .npz and .json for arrays, .csv for a table, .png for "
        "pictures of a node whose units form an image: of shape [h, w], [h, w, 1], [h, w, 3], or "
        "as many as a square has.",
        why="The format has to be known, and has to be able to hold the values.",
        wrong="pcc predict runs/a in.npz -o out.txt",
        right="pcc predict runs/a in.npz -o out.csv",
    ),
    Code(
        "PC552",
        "a network without time cannot be unrolled",
        "`pcc diagram --unroll` draws the copies of every node in time.",
        why="Without a section `time` there is one copy of each, which is the diagram without "
        "`--unroll`.",
        wrong="pcc diagram spec.yaml -o net.svg --unroll        # the spec has no `time`",
        right="pcc diagram spec.yaml -o net.svg --view circuit",
    ),
    Code(
        "PC553",
        "a prediction cannot hold or read these nodes",
        "Without --read, the nodes that the spec holds are wanted in the input, and its outputs "
        "are read; with it, exactly the nodes in the input and in --clamp are held, and all "
        "others relax. A node that is held whole cannot be read; one that is held in part "
        "(--mask) can.",
        why="A prediction needs something that is clamped, and something else that is read.",
        wrong="pcc predict runs/a -o out.png --clamp label=3                 # and the image?",
        right="pcc predict runs/a -o out.png --clamp label=3 --read image",
    ),
    Code(
        "PC554",
        "a value or mask of a prediction cannot be used",
        "--clamp NODE=VALUE takes the number of a class for a node of classes, a number for "
        "every unit of another node, a file of inputs (.npz, .npy, .csv, .png) or a folder of "
        "pictures. --mask NODE=FILE takes an array or picture of the shape of one sample, or with "
        "an axis of samples before it; entries where it is not zero are held at the node's "
        "value, which the input or --clamp gives.",
        why="What is held has to say one number for every unit that it holds.",
        wrong="pcc predict runs/a -o out.png --clamp label=10 --read image   # classes are 0 to 9",
        right="pcc predict runs/a -o out.png --clamp label=9 --read image",
    ),
    Code(
        "PC555",
        "a table of inputs cannot be read",
        "A CSV file has a row per sample and a finite number in every cell, with a point, "
        "separated by commas. A header names nodes, with the index of a unit where there are "
        "several, counted from 0; without a header the columns are the units of the single "
        "input. The message names the first line and column that breaks this.",
        why="A number in the place of another would be used without being noticed.",
        wrong="pcc predict runs/a in.csv -o out.csv    # x[0],x[1] and below it 0.5,n/a",
        right="pcc predict runs/a in.csv -o out.csv    # x[0],x[1] and below it 0.5,-1e-3",
    ),
    Code(
        "PC556",
        "a picture cannot be used as an input",
        "Pictures are PNG files with a single, opaque image, as wide and as high as the node is. "
        "Black becomes 0, white the largest value of the data source; a node of one channel "
        "takes the brightness of colours. A folder stands for the .png files in it.",
        why="What a transparent pixel means, or which image of several, only you can say.",
        wrong="pcc predict runs/a cut_out.png -o out.csv      # with a transparent background",
        right="pcc predict runs/a on_black.png -o out.csv",
    ),
    Code(
        "PC560",
        "there is no such device",
        "JAX was asked for a device that this machine lacks, or that the installed jaxlib does "
        "not support. `pcc doctor` lists what JAX finds.",
        why="Training on another device than the one asked for can take a hundred times as long.",
        wrong="pcc train spec.yaml --device gpu        # with the CPU version of JAX",
        right="pcc train spec.yaml --device cpu",
    ),
    Code(
        "PC561",
        "these are no seeds, or something is named twice",
        "Seeds are a range, both ends included, or a list, of at most 1,000; each rule and each "
        "seed comes once, and is not set with -s too.",
        why="A run that is counted twice makes a mean and a spread wrong.",
        wrong="pcc compare spec.yaml --rules predictive_coding,backprop --seeds five",
        right="pcc compare spec.yaml --rules predictive_coding,backprop --seeds 0..4",
    ),
    Code(
        "PC562",
        "a file is in the way",
        "`pcc new` found a file where it would write the new spec.",
        why="It may be yours, so it is never overwritten.",
        wrong="pcc new net                             # net.yaml is there already",
        right="pcc new net2",
    ),
    Code(
        "PC563",
        "the library of a logger is missing",
        "`training.loggers` asks for a form of the metrics that another library writes.",
        why="It is found out before training begins, rather than after. `metrics.jsonl` is always "
        "written, and the logger `csv` needs no library.",
        wrong="training: {loggers: [tensorboard]}      # without the library tensorboard",
        right="training: {loggers: [csv]}              # or pip install tensorboard",
    ),
    Code(
        "PC564",
        "XLA cannot read its flags, or JAX its variables",
        "The variable XLA_FLAGS holds a flag that XLA does not know, a value that it cannot "
        "read, or the name of a file that is not there; or a variable JAX_... holds a value that "
        "JAX does not know.",
        why="XLA would end the process for it, in the middle of what it does; JAX does not start.",
        wrong="XLA_FLAGS=--xla_cpu_fast pcc train spec.yaml",
        right="pcc train spec.yaml",
    ),
    Code(
        "PC568",
        "what depends on the total number of steps has changed (warning)",
        "A schedule of the learning rate is a function of the part of training that is done, and "
        "beta_growth counts epochs. Where a run goes on with another number of epochs or of "
        "steps in an epoch, they jump to what the new total says. The message gives the values "
        "before and after.",
        why="A rate that had fallen to almost nothing can be many times larger all at once, and "
        "undo what was learned.",
        wrong="pcc resume runs/a -s training.epochs=12 --allow-changed     # cosine, 6 epochs done",
        right="pcc train spec.yaml -s training.epochs=12",
    ),
    Code(
        "PC569",
        "`best` starts anew (warning)",
        "The run goes on with other data, another monitored metric, or another energy that the "
        "metric measures; the best value so far says nothing about these.",
        why="A checkpoint that was best at the old task would be kept, and scored, as the best.",
        wrong="pcc resume runs/a --allow-changed       # after data.npz was written anew",
        right="pcc train spec.yaml                     # a new run on the new data",
    ),
    Code(
        "PC901",
        "a compiler pass broke an invariant",
        "The message names the pass, the invariant and the node.",
        why="This is a bug in the compiler, not in your spec. Please report it with the spec.",
        wrong="pcc compile spec.yaml",
        right="pcc compile spec.yaml --disable wavefront   # until it is repaired",
    ),
)
