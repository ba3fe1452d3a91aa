# What `make demo` runs: every system once, on built-in data. PYTHON is the interpreter of the environment.
set -eu
here=runs/demo/$(date +%Y-%m-%d_%H-%M-%S)
train="$PYTHON scripts/train.py"

echo "1/4  a classifier of coloured points"
$train run_dir="$here/points"
echo "2/4  an image in the style of another, without downloaded weights"
$train experiment=style_transfer_offline run_dir="$here/style_transfer"
echo "3/4  StyleGAN on procedural faces, for a moment (ten minutes of it: experiment=stylegan_faces_tiny)"
$train experiment=stylegan_faces_tiny runner.max_steps=250 runner.visualize_every=250 run_dir="$here/stylegan"
echo "4/4  a grid of its images"
$PYTHON scripts/sample.py checkpoint="$here/stylegan" seeds=0-15 output="$here/grid.png" > /dev/null

echo
echo "Images:"
find "$here" -name '*.png' | sort | sed 's/^/  /'
echo "Watch the curves:"
echo "  $(dirname "$PYTHON")/tensorboard --logdir runs"
