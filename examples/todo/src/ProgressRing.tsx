const radius = 26;
const circumference = 2 * Math.PI * radius;

export function ProgressRing({ done, total }: { done: number; total: number }) {
  const share = total ? done / total : 0;
  return (
    <svg className="ring" viewBox="0 0 64 64" role="img" aria-label={`${done} of ${total} done`}>
      <circle className="ring-track" cx="32" cy="32" r={radius} />
      <circle
        className="ring-value"
        cx="32"
        cy="32"
        r={radius}
        strokeDasharray={circumference}
        strokeDashoffset={circumference * (1 - share)}
        data-empty={share === 0}
      />
      <text x="32" y="33" textAnchor="middle" dominantBaseline="middle">
        {Math.round(share * 100)}%
      </text>
    </svg>
  );
}
