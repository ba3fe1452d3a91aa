"""A video in one style: python scripts/style_frames.py experiment=style_transfer_offline frames=F output=G style=B.jpg

F holds the frames as images (ffmpeg -i A.mp4 F/%05d.png); those in G become a video again by
ffmpeg -framerate 25 -i G/%05d.png -pix_fmt yuv420p B.mp4
"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.style_frames import main

    main()
