// The small text files that lie beside photos: Apple's adjustments, XMP, and the JSON of a Google Takeout.
import { type Seed, seedComment, seededBytes } from './seeded.ts';

/** An Apple adjustments file (AAE): an XML property list that describes an edit. The edit itself is filler. */
export function makeAae(seed: Seed): Buffer {
  return text(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>adjustmentBaseVersion</key>
	<integer>0</integer>
	<key>adjustmentData</key>
	<data>
	${seededBytes(`adjustment ${seed}`, 48).toString('base64')}
	</data>
	<key>adjustmentEditorBundleID</key>
	<string>com.apple.mobileslideshow</string>
	<key>adjustmentFormatIdentifier</key>
	<string>com.apple.photo</string>
	<key>adjustmentFormatVersion</key>
	<string>1.9</string>
	<key>adjustmentRenderTypes</key>
	<integer>0</integer>
	<key>adjustmentTimestamp</key>
	<date>2024-07-15T06:07:08Z</date>
</dict>
</plist>
`);
}

/** An XMP file as a photo editor leaves it. */
export function makeXmp({ date, seed }: { readonly date?: string; readonly seed: Seed }): Buffer {
  const dates = date === undefined ? {} : { 'exif:DateTimeOriginal': date };
  return text(makeXmpPacket({ ...dates, 'xmp:Rating': '4', 'dc:source': seedComment(seed) }));
}

/** An XMP packet with these simple properties. Their values must need no escaping. */
export function makeXmpPacket(properties: Readonly<Record<string, string>>): string {
  const elements = Object.entries(properties).map(([name, value]) => `   <${name}>${value}</${name}>\n`);
  return `<?xpacket begin="\u{feff}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/">
${elements.join('')}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;
}

/** What Google Takeout writes beside each photo. `title` is the photo's full name, before Takeout shortened it. */
export function makeGoogleJson(options: {
  readonly title: string;
  readonly takenAtSeconds: number;
  readonly seed: Seed;
}): Buffer {
  const { title, takenAtSeconds, seed } = options;
  const nowhere = { latitude: 0, longitude: 0, altitude: 0, latitudeSpan: 0, longitudeSpan: 0 };
  const uploadedAtSeconds = 1_669_355_744; // 2022: later than any photo here, so that mistaking the two shows.
  return json({
    title,
    description: '',
    imageViews: '11',
    creationTime: googleTime(uploadedAtSeconds),
    photoTakenTime: googleTime(takenAtSeconds),
    geoData: nowhere,
    geoDataExif: nowhere,
    url: `https://photos.google.com/photo/${seededBytes(`url ${seed}`, 24).toString('base64url')}`,
    googlePhotosOrigin: { webUpload: { computerUpload: {} } },
  });
}

/** Takeout's `metadata.json` of an album: it describes no photo. */
export function makeGoogleAlbumJson({ title, seed }: { readonly title: string; readonly seed: Seed }): Buffer {
  return json({
    title,
    description: seedComment(seed),
    access: 'protected',
    date: googleTime(1_669_355_809),
    location: '',
  });
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Written by hand, because what `Intl` puts before AM changes with the version of its data. */
function googleTime(seconds: number): { timestamp: string; formatted: string } {
  const date = new Date(seconds * 1000);
  const hour = date.getUTCHours();
  const clock = [hour % 12 || 12, twoDigits(date.getUTCMinutes()), twoDigits(date.getUTCSeconds())].join(':');
  const day = `${months[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()}`;
  return { timestamp: String(seconds), formatted: `${day}, ${clock} ${hour < 12 ? 'AM' : 'PM'} UTC` };
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function json(value: unknown): Buffer {
  return text(JSON.stringify(value, null, 2));
}

function text(content: string): Buffer {
  return Buffer.from(content, 'utf8');
}
