# What `make demo` runs: every system once, on built-in data. PYTHON is the interpreter of the environment.
set -eu
here=runs/demo/$(date +%Y-%m-%d_%H-%M-%S)

run() { # print a command, then run it
    echo "\$ dlcourse $*"
    "$PYTHON" -P -m dlcourse.cli.main "$@"
}

echo "In about two minutes on two CPU cores: a classifier is trained, an image is painted in another one's style,"
echo "and the bundled StyleGAN, trained before, draws faces. All of it goes to $here/"
echo
echo "1/3  train a classifier of coloured points"
run train runner.max_steps=2000 run_dir="$here/points"
echo
echo "2/3  paint an image in the style of another, with the trained VGG16 that comes with the project"
mkdir -p "$here"
run train experiment=style_transfer_offline dataset.content_size=160 dataset.style_size=160 \
    runner.max_steps=60 run_dir="$here/style_transfer" output="$here/painting.png" strip=true
echo
echo "3/3  draw faces, mix their styles, and move them towards the mean face and beyond"
run sample seeds=0-15 output="$here/faces/"
run sample sampler=mixing seeds=0-4 output="$here/faces/"
run sample sampler=truncation seeds=0-3 output="$here/faces/"
echo
echo "To train a StyleGAN yourself (10 to 30 minutes): dlcourse train experiment=stylegan_faces_tiny"

cat > "$here/index.html" <<PAGE
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>dlcourse demo</title>
<style>body { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem; font: 16px/1.5 system-ui, sans-serif }
img { max-width: 100%; vertical-align: top } figure { margin: 0 0 1.5rem }</style></head>
<body><h1>dlcourse demo</h1>
<h2>A classifier of coloured points</h2>
<figure><img src="$(cd "$here" && ls points/images/decision_map_*.png | tail -n 1)" alt="decision map">
<figcaption><a href="points/summary.html">How it was trained</a></figcaption></figure>
<h2>An image in the style of another</h2>
<figure><img src="painting_strip.png" alt="content, style and result" width="960">
<figcaption><a href="style_transfer/summary.html">How it was painted</a></figcaption></figure>
<h2>Faces of the bundled StyleGAN</h2>
<p>It was trained before; <code>dlcourse train experiment=stylegan_faces_tiny</code> trains a small one.</p>
$(cd "$here" && for image in faces/*.png; do
    echo "<figure><img src=\"$image\" alt=\"$image\"><figcaption>$image</figcaption></figure>"; done)
</body></html>
PAGE
echo "Open in a browser: $here/index.html"
